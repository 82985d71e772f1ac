"""Numbers that a command line or a program gives to a job."""

from engine.errors import UsageError


def check_number(option: str, value: float, low: float, high: float | None = None) -> None:
    """UsageError for what is not in `low` to `high`, or to infinity; NaN never is."""
    if not value >= low or (high is not None and value > high):
        allowed = f"{_told(low)} or more" if high is None else f"{_told(low)} to {_told(high)}"
        raise UsageError(f"{option}: {_told(value)} is not {allowed}")


def _told(value: float) -> str:
    """A whole number in full: it may be larger than any float."""
    return str(value) if isinstance(value, int) else f"{value:g}"
