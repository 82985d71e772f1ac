"""Finds the frame rate of a timecode whose signal does not tell it, by counting its frames.

LTC tells drop frame only; 24, 25 and 30 look the same, and a tape at 1.2 times 25 is as fast as 30. Open Stage
Control's text leaves the rate out. But the last frame before each new second tells: 23, 24 or 29. Until a second has
passed, the rate is that which is nearest to the measured duration of a frame, as if the speed were nominal."""

import math

from engine.params.timecode import RATES, Label, TimecodeRate

_BY_COUNT = {24: RATES["24"], 25: RATES["25"], 30: RATES["30"]}


class RateFinder:
    """Pure. Feed labels as they are received."""

    def __init__(self) -> None:
        self._counted: TimecodeRate | None = None
        self._previous: Label | None = None
        self._max_frame = 0

    def add(self, label: Label, *, is_drop: bool, fps: float, step: int) -> TimecodeRate:
        """The rate, from everything so far. `fps`: frames a second as measured, 0 if unknown; `step`: frames since the
        previous label, 0 if unknown."""
        self._max_frame = max(self._max_frame, label.frames)
        if self._previous is not None and step:
            self._count(min(self._previous, label), max(self._previous, label), step)
        self._previous = label
        if is_drop:
            return RATES["29.97df"]
        if self._counted is not None:
            return self._counted
        possible = [count for count in _BY_COUNT if count > self._max_frame]
        wanted = fps or 25.0
        return _BY_COUNT[min(possible, key=lambda count: abs(math.log(count / wanted)))]

    def _count(self, before: Label, after: Label, step: int) -> None:
        """Learn the rate if a new second began between two labels that are `step` frames apart."""
        begun_s = 3600 * (after.hours - before.hours) + 60 * (after.minutes - before.minutes)
        if begun_s + after.seconds - before.seconds != 1:
            return
        count = before.frames - after.frames + step
        if count == 28 and after.seconds == 0 and after.minutes % 10:
            self._counted = RATES["29.97df"]  # two labels were left out
        elif count in _BY_COUNT and not (count == 30 and self._counted is RATES["29.97df"]):
            self._counted = _BY_COUNT[count]
