"""Numbers that a command line or a program gives to a job."""

from engine.errors import UsageError


def check_number(option: str, value: float, low: float, high: float | None = None) -> None:
    """UsageError for what is not in `low` to `high`, or to infinity; NaN never is."""
    if not value >= low or (high is not None and value > high):
        allowed = f"{low:g} or more" if high is None else f"{low:g} to {high:g}"
        raise UsageError(f"{option}: {value:g} is not {allowed}")
