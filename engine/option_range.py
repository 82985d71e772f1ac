"""Numbers that a command line or a program gives to a job."""

from engine.errors import UsageError


def check_number(option: str, value: float, low: float, high: float | None = None) -> None:
    """UsageError for what is not in `low` to `high`, or to infinity; NaN never is."""
    if not value >= low or (high is not None and value > high):
        allowed = f"{low:g} or more" if high is None else f"{low:g} to {high:g}"
        told = str(value) if isinstance(value, int) else f"{value:g}"  # a whole number may be larger than any float
        raise UsageError(f"{option}: {told} is not {allowed}")
