"""Ranges given on the command line: one number, or two with `..` between them."""

import math

from engine.errors import UsageError
from engine.jobs.kit.options import check_number

Span = tuple[float, float]
"""Lowest and highest value, both included; equal for a fixed value."""


def parse_span(text: str) -> Span:
    """Parse a range: `40..160` -> (40.0, 160.0), `7` -> (7.0, 7.0). UsageError if it is neither, or
    reversed."""
    low, separator, high = text.partition("..")
    try:
        span = (float(low), float(high if separator else low))
    except ValueError:
        raise UsageError(f"{text!r}: is not a number or a range such as 40..160") from None
    if not all(map(math.isfinite, span)):
        raise UsageError(f"{text!r}: is not a finite number or range")
    if span[0] > span[1]:
        raise UsageError(f"{text}: the range is upside down; write {high}..{low}")
    return span


def check_span(option: str, span: Span | None, low: float, high: float) -> None:
    """Raise UsageError if the range leaves `low`..`high`. None is accepted."""
    for end in span or ():
        check_number(option, end, low, high)


def interpolate(span: Span, fraction: float) -> float:
    """Value at this fraction, 0..1, of the range."""
    return span[0] + (span[1] - span[0]) * fraction
