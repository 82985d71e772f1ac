"""Checks of the numbers and file names given to a job."""

from pathlib import Path

from engine.errors import UsageError


def check_number(option: str, value: float, low: float, high: float | None = None) -> None:
    """Raise UsageError if the value is below `low`, above `high` or NaN."""
    if not value >= low or (high is not None and value > high):
        allowed = f"{_as_text(low)} or more" if high is None else f"{_as_text(low)} to {_as_text(high)}"
        raise UsageError(f"{option}: {_as_text(value)} is not {allowed}")


def check_no_stream(*names: Path | str) -> None:
    """Raise UsageError for `-`, the usual name for stdin or stdout, which no job supports."""
    if any(str(name) == "-" for name in names):
        raise UsageError("-: stdin and stdout are not supported; name a file (for a file called - give ./-)")


def _as_text(value: float) -> str:
    """Integers with all digits, because they may be larger than any float."""
    return str(value) if isinstance(value, int) else f"{value:g}"
