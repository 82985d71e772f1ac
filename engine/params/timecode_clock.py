"""The position of a running timecode at any time, from readings that jitter, jump and fail.

Readings come 12 to 60 times per second, late by a varying time, sometimes wrong (noise, a splice), sometimes not at
all. So a straight line, position over time, is corrected by each reading, with the gains of a line fitted to all
readings of the last MEMORY_S (growing memory; Brookner, "Tracking and Kalman Filtering Made Easy", 1998, ch. 1).

A reading further than MAX_ERROR_S off the line is not trusted alone: a second one that continues it, at a possible
speed, starts a new line there. The first lock, too. A locate that stands (MTC's full frame) takes effect at once.

States: `none` before the first lock; `locked`; `flywheel` while readings are missing and the line runs on; `lost` once
`flywheel_s` has passed: the position then stands.
"""

import math
from typing import Final, Literal, NamedTuple

from engine.params.timecode import DAY_S, RATES, Label, TimecodeRate, fold_day, seconds_of
from engine.values import TimecodeReading

_BY_COUNT = {24: RATES["24"], 25: RATES["25"], 30: RATES["30"]}
MEMORY_S: Final = 0.6
MAX_ERROR_S: Final = 0.1  # 2.5 frames at 25: above the jitter of a network, below any useful locate
MAX_GAP_S: Final = 0.5  # between two readings that confirm each other
LOCKED_S: Final = 0.3  # MTC at 0.6 times 24 fps: a label every 0.14 s, known 0.12 s late
SPEEDS: Final = (0.4, 2.6)  # of a confirmed line; -40 % to +100 % and reserve for the jitter of two readings


class RateFinder:
    """Finds the frame rate of a timecode whose signal does not contain it: the last frame before each new second is 23,
    24 or 29. Until a second has passed, the rate is the one nearest to the measured duration of a frame. (LTC marks
    drop frame only, Open Stage Control's text nothing, and a tape at 1.2 times 25 is as fast as 30.)"""

    def __init__(self) -> None:
        self._counted: TimecodeRate | None = None
        self._previous: Label | None = None
        self._max_frame = 0

    def add(self, label: Label, *, is_drop: bool, fps: float, step: int) -> TimecodeRate:
        """The rate, from everything so far. `fps`: measured rate; `step`: frames since the last label; 0 if unknown."""
        self._max_frame = max(self._max_frame, label.frames)
        if self._previous is not None and step:
            self._count(min(self._previous, label), max(self._previous, label), step)
        self._previous = label
        if is_drop:
            return RATES["29.97df"]
        if self._counted is not None:
            return self._counted
        possible = [count for count in _BY_COUNT if count > self._max_frame]
        target_fps = fps or 25.0
        return _BY_COUNT[min(possible, key=lambda count: abs(math.log(count / target_fps)))]

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


TimecodeState = Literal["none", "locked", "flywheel", "lost"]


class _Line(NamedTuple):
    at_s: float
    position_s: float
    speed: float


class TimecodeClock:
    """Computes the position of a timecode at any time from its readings. Pure: time is an argument. One thread."""

    def __init__(self) -> None:
        self._rate_finder = RateFinder()
        self.rate: TimecodeRate = RATES["25"]
        self._line: _Line | None = None
        self._candidate: tuple[float, float] | None = None
        """Time and position of a reading that is not confirmed yet."""
        self._count = 0
        """Readings on the line."""
        self._received_s = self._read_s = float("-inf")
        """Time of the newest reading, and of the newest one that the line follows."""

    def add(self, reading: TimecodeReading) -> None:
        """Take a reading; in order of time."""
        label = Label(reading.hours, reading.minutes, reading.seconds, reading.frames)
        self.rate = self._rate_of(label, reading)
        position_s = seconds_of(label, self.rate) + reading.lead_frames / self.rate.fps
        self._received_s = reading.at_s
        if reading.is_still:
            self._line = _Line(reading.at_s, position_s, 0.0)
            self._candidate = None
        elif not self._correct(reading, position_s) and not self._propose(reading, position_s):
            return
        self._read_s = reading.at_s

    def position_s(self, now_s: float, flywheel_s: float) -> float | None:
        """Seconds of timecode at `now_s`, 0..86400; None before the first lock."""
        if (line := self._line) is None:
            return None
        until_s = min(now_s, self._read_s + max(flywheel_s, LOCKED_S)) if line.speed else now_s
        return (line.position_s + (until_s - line.at_s) * line.speed) % DAY_S

    def speed(self, now_s: float, flywheel_s: float) -> float:
        """1 at the nominal speed, below 0 backward, 0 while it stands or is lost."""
        is_running = self.state(now_s, flywheel_s) in ("locked", "flywheel")
        return self._line.speed if self._line is not None and is_running else 0.0

    def state(self, now_s: float, flywheel_s: float) -> TimecodeState:
        if (line := self._line) is None:
            return "none"
        missing_s = now_s - self._read_s
        if line.speed == 0.0 or missing_s <= LOCKED_S:
            return "locked"
        return "flywheel" if missing_s <= flywheel_s else "lost"

    def _rate_of(self, label: Label, reading: TimecodeReading) -> TimecodeRate:
        if reading.rate in RATES and reading.rate != "29.97df":
            return RATES[reading.rate]
        since_s = reading.at_s - self._received_s
        # Text comes every second frame.
        step = round(since_s / reading.frame_s) if reading.frame_s and since_s < MAX_GAP_S else 0
        fps = 1.0 / reading.frame_s if reading.frame_s else 0.0
        if not reading.frame_s and 0.0 < since_s < MAX_GAP_S:
            step, fps = 2, 2.0 / since_s
        return self._rate_finder.add(label, is_drop=reading.rate == "29.97df", fps=fps, step=step)

    def _correct(self, reading: TimecodeReading, position_s: float) -> bool:
        """Move the line by the reading; False if it is too far away."""
        if (line := self._line) is None:
            return False
        elapsed_s = reading.at_s - line.at_s
        if elapsed_s <= 0.0 or line.speed == 0.0 or (line.speed < 0.0) != reading.is_backward:
            return False
        expected_s = line.position_s + elapsed_s * line.speed
        error_s = fold_day(position_s - expected_s)
        if abs(error_s) > MAX_ERROR_S:
            return False
        self._count = min(self._count + 1, max(round(MEMORY_S / elapsed_s), 2))
        k = self._count
        alpha, beta = 2 * (2 * k + 1) / ((k + 1) * (k + 2)), 6 / ((k + 1) * (k + 2))
        speed = line.speed + beta * error_s / elapsed_s
        self._line = _Line(reading.at_s, expected_s + alpha * error_s, speed)
        self._candidate = None
        return True

    def _propose(self, reading: TimecodeReading, position_s: float) -> bool:
        """Store a reading off the line; start a new line, and return True, if it continues the one stored before."""
        before, self._candidate = self._candidate, (reading.at_s, position_s)
        if before is None or not 0.0 < reading.at_s - before[0] <= MAX_GAP_S:
            return False
        speed = fold_day(position_s - before[1]) / (reading.at_s - before[0])
        if not SPEEDS[0] <= abs(speed) <= SPEEDS[1] or (speed < 0.0) != reading.is_backward:
            return False
        self._line, self._candidate, self._count = _Line(reading.at_s, position_s, speed), None, 1
        return True
