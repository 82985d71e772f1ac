"""Numbers and names that a command line or a program gives to a job."""

from pathlib import Path

from engine.errors import UsageError


def check_number(option: str, value: float, low: float, high: float | None = None) -> None:
    """UsageError for what is not in `low` to `high`, or to infinity; NaN never is."""
    if not value >= low or (high is not None and value > high):
        allowed = f"{_told(low)} or more" if high is None else f"{_told(low)} to {_told(high)}"
        raise UsageError(f"{option}: {_told(value)} is not {allowed}")


def check_no_stream(*names: Path | str) -> None:
    """UsageError for `-`: other programs mean stdin or stdout by it, and no job reads or writes these."""
    if any(str(name) == "-" for name in names):
        raise UsageError("-: stdin and stdout are not for files here; name a file (one of this very name: ./-)")


def _told(value: float) -> str:
    """A whole number in full: it may be larger than any float."""
    return str(value) if isinstance(value, int) else f"{value:g}"
