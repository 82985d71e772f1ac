"""Which of the pictures that other programs offer is meant by a name.

The programs name one picture differently on each system, and few of them after themselves. Resolume (its programs are
Arena and Avenue) offers `Arena - Composition` and `Arena - Preview` with Spout, application `Arena` and server
`Composition` with Syphon, shown as `Arena:Composition`, and `MACHINE (Arena - Composition)` with NDI. So the words
count, and not what stands between them. Of several names that fit, first the whole name, then the same words, then
one that has those words, then one that has them within other words. Among equals the finished picture (`Composition`)
is before all others and a `Preview` behind them; else the order is the one in which they were listed.
"""

import re
from collections.abc import Sequence

FINISHED, UNFINISHED = "composition", "preview"
RESOLUME = "Resolume's senders are called Arena or Avenue"


def chosen_name(wanted: str, names: Sequence[str]) -> str | None:
    """The one of `names` that is meant by `wanted`, all of it or a part; case does not matter. None: not there."""
    fitting = [(fit, _place(name), name) for name in names if (fit := _fit(wanted, name)) is not None]
    return min(fitting, key=lambda one: one[:2])[2] if fitting else None


def not_found(kind: str, wanted: str, names: Sequence[str]) -> str:
    """One line for people: who is not there, who is, and the name that was likely meant."""
    advice = f"; {RESOLUME}: give {kind}:Arena or {kind}:Avenue" if "resolume" in wanted.casefold() else ""
    return f"{kind} {wanted}: not found (there: {'; '.join(names) or 'none'}){advice}"


def _fit(wanted: str, name: str) -> int | None:
    """0 is the best; None: it does not fit."""
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
