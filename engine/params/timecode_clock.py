"""The position of a running timecode at any time, from readings that jitter, are late, jump and
fail.

Readings come 12 to 60 times per second. A network delays them, so does a stall of ours, and nothing
brings them early. A label that is held back and sent together with the next one would give a line
that follows all of them any speed. So the line goes through the readings that are least late:

1. Above the readings of the last MEMORY_S, position over time, lies their convex hull. Its middle
   edge is a first line (Zhang, Liu, Xia, "Clock synchronization algorithms for network
   measurements", INFOCOM 2002).
2. The least squares line through the readings up to NEAR_S below it averages their jitter.

A label that is on the line and not newer than all before says nothing new: a desk repeats it, or
its backup does. A reading further than MAX_ERROR_S off the line is not trusted alone: a second one
that continues it, at a possible speed, starts a new line there. The first lock, too. If it is late,
except in LTC, that second one has to come LATE_RUN_S after it and no faster, because a network that
makes up a delay sends like that, too. A locate that stands (MTC's full frame) takes effect at once.

States: `none` before the first lock; `locked`; `flywheel` while readings are missing and the line
runs on; `lost` once `flywheel_s` has passed: the position then stands.
"""

import math
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from engine.params.timecode import DAY_S, RATES, Label, TimecodeRate, fold_day, seconds_of
from engine.values import TimecodeReading

_BY_COUNT = {24: RATES["24"], 25: RATES["25"], 30: RATES["30"]}
MEMORY_S: Final = 1.0  # longer than a network needs to make up a delay of five frames
NEAR_S: Final = 0.02  # half a frame at 25: the jitter of a network that works
MAX_ERROR_S: Final = 0.1  # 2.5 frames at 25: above the jitter of a network, below any useful locate
LATE_S: Final = 1.0  # farther behind: a locate
LATE_RUN_S: Final = 0.3  # of readings that are late: then it is no delay
LATE_RUN_SPEED: Final = 1.25  # of the line's, at most
MAX_GAP_S: Final = 0.5  # between two readings that confirm each other
MAX_CANDIDATES: Final = 32  # a broken sender may flood us with labels
LOCKED_S: Final = 0.3  # MTC at 0.6 times 24 fps: a label every 0.14 s, known 0.12 s late
# of any line; -40 % to +100 % and reserve for the jitter of two readings
SPEEDS: Final = (0.4, 2.6)


class RateFinder:
    """Finds the frame rate of a timecode whose signal does not contain it: the last frame before
    each new second is 23, 24 or 29. Until a second has passed, the rate is the one nearest to the
    measured duration of a frame. (LTC marks drop frame only, Open Stage Control's text nothing, and
    a tape at 1.2 times 25 is as fast as 30.)"""

    def __init__(self) -> None:
        self._counted: TimecodeRate | None = None
        self._previous: Label | None = None
        self._max_frame = 0

    def add(self, label: Label, *, is_drop: bool, fps: float, step: int) -> TimecodeRate:
        """The rate, from everything so far. `fps`: measured rate; `step`: frames since the last
        label; 0 if unknown."""
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


class _Point(NamedTuple):
    at_s: float
    position_s: float


class _Line(NamedTuple):
    at_s: float
    position_s: float
    speed: float

    def position_at(self, at_s: float) -> float:
        return self.position_s + (at_s - self.at_s) * self.speed


class TimecodeClock:
    """Computes the position of a timecode at any time from its readings. Pure: time is an argument.
    One thread."""

    def __init__(self) -> None:
        self._rate_finder = RateFinder()
        self.rate: TimecodeRate = RATES["25"]
        self._newest: tuple[Label, bool] | None = None
        """The newest label, and True if it came backward."""
        self._line: _Line | None = None
        self._points: list[_Point] = []
        """The readings on the line, of the last MEMORY_S."""
        self._candidates: list[_Point] = []
        """Readings off the line, of the last MAX_GAP_S, that no other one has confirmed yet."""
        self._received_s = float("-inf")
        self._read_s = float("-inf")
        """Time of the newest reading, and of the newest one that the line follows."""

    def add(self, reading: TimecodeReading) -> None:
        """Take a reading; in order of time."""
        label = Label(reading.hours, reading.minutes, reading.seconds, reading.frames)
        before = self._newest
        self._newest = (label, reading.is_backward)
        if self._newest == before and not reading.is_still:
            return
        self.rate = self._rate_of(label, reading)
        position_s = seconds_of(label, self.rate) + reading.lead_frames / self.rate.fps
        self._received_s = reading.at_s
        if reading.is_still:
            self._line = _Line(reading.at_s, position_s, 0.0)
            self._candidates = []
        elif not self._is_followed(reading, position_s):
            return
        self._read_s = reading.at_s

    def position_s(self, now_s: float, flywheel_s: float) -> float | None:
        """Seconds of timecode at `now_s`, 0..86400; None before the first lock."""
        line = self._line
        if line is None:
            return None
        until_s = min(now_s, self._read_s + max(flywheel_s, LOCKED_S)) if line.speed else now_s
        return line.position_at(until_s) % DAY_S

    def speed(self, now_s: float, flywheel_s: float) -> float:
        """1 at the nominal speed, below 0 backward, 0 while it stands or is lost."""
        is_running = self.state(now_s, flywheel_s) in ("locked", "flywheel")
        return self._line.speed if self._line is not None and is_running else 0.0

    def state(self, now_s: float, flywheel_s: float) -> TimecodeState:
        line = self._line
        if line is None:
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
            step = 2
            fps = 2.0 / since_s
        return self._rate_finder.add(label, is_drop=reading.rate == "29.97df", fps=fps, step=step)

    def _is_followed(self, reading: TimecodeReading, position_s: float) -> bool:
        """Move the line by the reading, or start a new one. False if the line does not run on
        because of it."""
        line = self._line
        if line is None or line.speed == 0.0 or (line.speed < 0.0) != reading.is_backward:
            return self._propose(reading, position_s)
        way = math.copysign(1.0, line.speed)
        expected_s = line.position_at(reading.at_s)
        point = _Point(reading.at_s, expected_s + fold_day(position_s - expected_s))
        ahead_s = way * (point.position_s - expected_s)
        is_new = all(way * (point.position_s - each.position_s) > 0.0 for each in self._points)
        if abs(ahead_s) <= MAX_ERROR_S:
            if is_new:
                recent = [each for each in self._points if reading.at_s - each.at_s < MEMORY_S]
                # One older reading keeps the line's speed when a gap ends with several at once.
                self._fit([*self._points[-len(recent) - 1 :], point], way)
                self._candidates = []
            return is_new
        is_late = not reading.is_sampled and -LATE_S <= ahead_s < 0.0
        return self._propose(reading, position_s, abs(line.speed) if is_late else None) or (
            is_late and is_new
        )

    def _propose(
        self, reading: TimecodeReading, position_s: float, late_speed: float | None = None
    ) -> bool:
        """Store a reading off the line; start a new line, and return True, if it continues one
        stored before. `late_speed`: the speed of the line that this reading is late against."""
        at_s = reading.at_s
        waiting = self._candidates[-MAX_CANDIDATES:]
        self._candidates = [each for each in waiting if 0.0 <= at_s - each.at_s <= MAX_GAP_S]
        way = -1.0 if reading.is_backward else 1.0
        least_s = 0.0 if late_speed is None else LATE_RUN_S
        fastest = SPEEDS[1] if late_speed is None else LATE_RUN_SPEED * late_speed
        before = [each for each in self._candidates if at_s - each.at_s > least_s]
        for each in reversed(before):
            speed = fold_day(position_s - each.position_s) / (at_s - each.at_s)
            if not SPEEDS[0] <= way * speed <= fastest:
                continue
            line = _Line(at_s, position_s, speed)
            on_line = [_Point(at_s, position_s)]
            for other in self._candidates:
                expected_s = line.position_at(other.at_s)
                error_s = fold_day(other.position_s - expected_s)
                if abs(error_s) <= MAX_ERROR_S:
                    on_line.append(_Point(other.at_s, expected_s + error_s))
            self._fit(on_line, way)
            self._candidates = []
            return True
        self._candidates.append(_Point(at_s, position_s))
        return False

    def _fit(self, points: list[_Point], way: float) -> None:
        """Draw the line through the points that are least late. `way`: 1 forward, -1 backward."""
        self._points = sorted(points)
        at_s = self._points[-1].at_s
        run = sorted((each.at_s - at_s, way * each.position_s) for each in points)
        hull: list[tuple[float, float]] = []
        for each in run:
            while len(hull) > 1 and _slope(hull[-2], each) >= _slope(hull[-2], hull[-1]):
                hull.pop()
            hull.append(each)
        middle_s = run[0][0] / 2.0
        edges = (edge for edge in pairwise(hull) if edge[1][0] >= middle_s)
        speed = _possible(_slope(*next(edges)))
        progress_s = max(progress - t * speed for t, progress in run)
        near = [(t, progress) for t, progress in run if progress_s + t * speed - progress <= NEAR_S]
        mean_t = sum(t for t, _ in near) / len(near)
        mean_progress_s = sum(progress for _, progress in near) / len(near)
        spread = sum((t - mean_t) ** 2 for t, _ in near)
        if len(near) > 2 and spread:
            speed = _possible(sum((t - mean_t) * (p - mean_progress_s) for t, p in near) / spread)
            progress_s = mean_progress_s - mean_t * speed
        self._line = _Line(at_s, way * progress_s, way * speed)


def _slope(a: tuple[float, float], b: tuple[float, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0]) if b[0] > a[0] else math.inf


def _possible(speed: float) -> float:
    return min(max(speed, SPEEDS[0]), SPEEDS[1])
