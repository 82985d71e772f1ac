"""Finds a sender of another program by name.

Programs name the same picture differently on each system. Resolume Arena offers `Arena - Composition` and `Arena -
Preview` with Spout, application `Arena` and server `Composition` with Syphon, shown as `Arena:Composition`, and
`MACHINE (Arena - Composition)` with NDI. So we compare words and ignore the characters between them. Order of
preference: the full name, the same words, a name containing those words, a name containing them inside other words.
Among equal matches `Composition`, the final picture, comes first and `Preview` last; otherwise the listed order
decides.
"""

import re
from collections.abc import Sequence

FINISHED, UNFINISHED = "composition", "preview"
RESOLUME = "Resolume's senders are called Arena or Avenue"


def chosen_name(wanted: str, names: Sequence[str]) -> str | None:
    """The best match for `wanted`, a whole name or a part, in any case; None if there is none."""
    fitting = [(fit, _place(name), name) for name in names if (fit := _fit(wanted, name)) is not None]
    return min(fitting, key=lambda one: one[:2])[2] if fitting else None


def not_found(kind: str, wanted: str, names: Sequence[str]) -> str:
    """Message with the missing name, the available ones, and advice for Resolume."""
    advice = f"; {RESOLUME}: give {kind}:Arena or {kind}:Avenue" if "resolume" in wanted.casefold() else ""
    return f"{kind} {wanted}: not found (available: {'; '.join(names) or 'none'}){advice}"


def _fit(wanted: str, name: str) -> int | None:
    """Quality of the match, 0 is best; None if it does not match."""
    if wanted.casefold() == name.casefold():
        return 0
    words, within = _words(wanted), _words(name)
    if words == within and words:
        return 1
    if words and f" {words} " in f" {within} ":
        return 2
    if wanted.casefold() in name.casefold() or (words and words in within):
        return 3
    return None


def _place(name: str) -> int:
    words = _words(name).split()
    return 0 if FINISHED in words else 2 if UNFINISHED in words else 1


def _words(name: str) -> str:
    """`STAGE (Arena - Composition)` -> `stage arena composition`."""
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))
