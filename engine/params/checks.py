"""Checks the values that cues and banks get from OSC or from their files. Each raises `error` in
one line."""

from collections.abc import Sequence

from engine.errors import MultiverseError


def check_table(
    entry: object, keys: Sequence[str], what: str, error: type[MultiverseError]
) -> None:
    """Check that `entry` is a table with only these keys."""
    if not isinstance(entry, dict):
        raise error("is not a table")
    for key in entry:
        if key not in keys:
            raise error(f"{key!r}: unknown key of a {what} (known: {', '.join(keys)})")


def whole_number(what: str, number: object, most: int, error: type[MultiverseError]) -> int:
    """Check that `number` is a whole number 1 to `most`, and return it."""
    if (
        not isinstance(number, int | float)
        or isinstance(number, bool)
        or number % 1 != 0
        or not 1 <= number <= most
    ):
        raise error(f"{what} {short_repr(number)} is not a whole number 1..{most}")
    return int(number)


def short_repr(value: object) -> str:
    return f"{value:.7g}" if isinstance(value, float) else repr(value)[:40]
