"""Exponential backoff: the delay before a retry. Pure: the caller keeps the count and the time."""

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0


def next_delay_s(
    failures: int, *, first_s: float = FIRST_DELAY_S, max_s: float = MAX_DELAY_S
) -> float:
    """Seconds to wait after the `failures`-th failure in a row (1 or more): 0.5, 1, 2, ... up to
    30."""
    return min(max_s, first_s * 2.0 ** min(failures - 1, 30))
