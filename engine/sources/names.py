"""Finds a sender of another program by name.

Programs name the same picture differently on each system. Resolume Arena offers `Arena -
Composition` and `Arena - Preview` with Spout, application `Arena` and server `Composition` with
Syphon, shown as `Arena:Composition`, and `MACHINE (Arena - Composition)` with NDI. So we compare
words and ignore the characters between them. Order of preference: the full name, the same words, a
name containing those words, a name containing them inside other words. Among equal matches
`Composition`, the final picture, comes first and `Preview` last; otherwise the listed order
decides.
"""

import re
from collections.abc import Sequence

FINISHED = "composition"
UNFINISHED = "preview"
RESOLUME = "Resolume's senders are called Arena or Avenue"


def best_match(query: str, names: Sequence[str]) -> str | None:
    """The name that matches `query` best, a whole name or a part, in any case; None if none
    does."""
    matches = [
        (fit, _priority(name), name)
        for name in names
        if (fit := _match_quality(query, name)) is not None
    ]
    return min(matches, key=lambda one: one[:2])[2] if matches else None


def missing_message(kind: str, query: str, names: Sequence[str]) -> str:
    """Message with the missing name, the available ones, and advice for Resolume."""
    advice = (
        f"; {RESOLUME}: give {kind}:Arena or {kind}:Avenue"
        if "resolume" in query.casefold()
        else ""
    )
    return f"{kind} {query}: not found (available: {'; '.join(names) or 'none'}){advice}"


def _match_quality(query: str, name: str) -> int | None:
    """Quality of the match, 0 is best; None if it does not match."""
    if query.casefold() == name.casefold():
        return 0
    tokens = _normalize(query)
    within = _normalize(name)
    if tokens == within and tokens:
        return 1
    if tokens and f" {tokens} " in f" {within} ":
        return 2
    if query.casefold() in name.casefold() or (tokens and tokens in within):
        return 3
    return None


def _priority(name: str) -> int:
    tokens = _normalize(name).split()
    return 0 if FINISHED in tokens else 2 if UNFINISHED in tokens else 1


def _normalize(name: str) -> str:
    """`STAGE (Arena - Composition)` -> `stage arena composition`."""
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))
