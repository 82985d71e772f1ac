"""Conversion between the values of a parameter and positions 0..1, for the whole engine.

Linear:       value = low + (high - low) * position
Exponential:  value = low * (high / low) ** position; half way between 1 and 16 is 4

Glides, fades and modulation add and subtract. They work on coordinates: the value itself, or its
logarithm on an exponential scale, where equal distances multiply by equal factors. A parameter that
wraps, such as an angle, takes the short way round; no exponential scale wraps.

This is in `osc_schema` and not in `engine.params`, because `accept` and the generators of control
surfaces need it too, and cannot import the engine. The page has the same arithmetic in
`engine/web/page/numbers.js`; a test compares the two.
"""

import math
from typing import NamedTuple

from osc_schema.types import Param


class Scale(NamedTuple):  # a tuple: made for each MIDI message
    """A range of values. `low` may be the larger one for `value_at` and `position_of` only."""

    low: float
    high: float
    is_exponential: bool = False
    wraps: bool = False

    @property
    def span(self) -> float:
        """Distance from low to high, in coordinates."""
        return math.log(self.high / self.low) if self.is_exponential else self.high - self.low

    def value_at(self, position: float) -> float:
        """The value at a position 0..1; exactly `low` and `high` at the ends."""
        if position in (0.0, 1.0):
            return self.high if position else self.low
        if self.is_exponential:
            return self.low * math.pow(self.high / self.low, position)
        return self.low + (self.high - self.low) * position

    def position_of(self, value: float) -> float:
        """The inverse of `value_at`, clipped to 0..1; 0 if `low` equals `high`."""
        low, high = self.low, self.high
        if low == high:
            return 0.0
        value = min(max(low, high), max(min(low, high), value))
        if self.is_exponential:
            position = math.log(value / low) / math.log(high / low)
        else:
            position = (value - low) / (high - low)
        return min(1.0, max(0.0, position))

    def coordinate_of(self, value: float) -> float:
        return math.log(value) if self.is_exponential else value

    def value_of(self, coordinate: float) -> float:
        """The inverse of `coordinate_of`, clipped to the range."""
        value = math.exp(coordinate) if self.is_exponential else coordinate
        # exp(log(high)) can be a rounding error above high
        return min(self.high, max(self.low, value))

    def wrapped(self, number: float) -> float:
        """`number` wrapped into low..high if the scale wraps, else unchanged."""
        return self.low + (number - self.low) % (self.high - self.low) if self.wraps else number

    def shortest(self, distance: float) -> float:
        """The signed distance in coordinates, the short way round if the scale wraps."""
        return distance - self.span * round(distance / self.span) if self.wraps else distance

    def moved(self, value: float, part: float) -> float:
        """`value` moved by `part` (-1..1) of the whole range, then wrapped or clipped; exactly
        `value` for 0."""
        if self.is_exponential:
            moved = value * math.exp(part * self.span)
        else:
            moved = value + part * self.span
            if self.wraps and not self.low <= moved <= self.high:
                return self.wrapped(moved)
        return min(self.high, max(self.low, moved))


def scale_of(param: Param) -> Scale:
    return Scale(param.low, param.high, param.scale == "exponential", param.out_of_range == "wrap")


def nearest_step(number: float, step: int = 1) -> int:
    """The multiple of `step` nearest to `number`; a half is rounded up."""
    return math.floor(number / step + 0.5) * step
