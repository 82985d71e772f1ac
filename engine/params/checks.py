"""Checks of what cues and banks get from OSC or from their files. Each raises `error` in one line."""

from collections.abc import Sequence

from engine.errors import MultiverseError


def check_table(entry: object, known: Sequence[str], what: str, error: type[MultiverseError]) -> None:
    """Check that it is a table with known keys only."""
    if not isinstance(entry, dict):
        raise error("is not a table")
    for key in entry:
        if key not in known:
            raise error(f"{key!r}: unknown key of a {what} (known: {', '.join(known)})")


def whole_number(what: str, number: object, most: int, error: type[MultiverseError]) -> int:
    """The number, 1 to `most`."""
    if not isinstance(number, int | float) or isinstance(number, bool) or number % 1 != 0 or not 1 <= number <= most:
        raise error(f"{what} {shown(number)} is not a whole number 1..{most}")
    return int(number)


def shown(value: object) -> str:
    return f"{value:.7g}" if isinstance(value, float) else repr(value)[:40]
