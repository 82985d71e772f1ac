"""The time of a frame: asked before something more is drawn in it, told what that has cost.

A frame has one picture that may not be late. Beside it come a second look while one fades into the
other, the trail of a look that is expected, and the second output: each asks here first. What is
computed on other threads rests as `rest_s` says. Pure: times and counts are arguments.
"""

import statistics
from collections import deque

from engine.system.backoff import next_delay_s

MAX_WORK_FRACTION = 0.8  # of a frame's time, estimated for drawing both looks; the rest is reserve
MIN_FRAMES = 10
MEASURED_FRAMES = 60
SPARE_COSTS = 16  # spare pictures whose dearest one must fit
# between two spare pictures that do not fit
FIRST_TRY_S = 1.0
MAX_TRY_S = 10.0
SLOW_S = 0.005
REST = 3.0
MAX_REST_S = 0.1


class FrameBudget:
    """The time of a frame. Render thread."""

    def __init__(self) -> None:
        self.period_s: float | None = None
        """Frame period; None offline, where there is always enough time."""
        self.late = 0
        """Number of late frames so far."""
        self.next_due_s = 0.0
        """When the next frame is due, by the clock of the due times."""
        self._frames_s: deque[tuple[float, float]] = deque(maxlen=MEASURED_FRAMES)

    def begin_frame(self, *, period_s: float | None, late: int, next_due_s: float) -> None:
        """Begin a frame; the arguments are described at the attributes."""
        self.period_s = period_s
        self.late = late
        self.next_due_s = next_due_s

    def add_frame(self, *, work_s: float, draw_s: float, looks: int) -> None:
        """Add a published frame: seconds of all its work, seconds of drawing in it, number of looks
        drawn."""
        self._frames_s.append((draw_s / looks, work_s - draw_s))

    @property
    def usual_look_s(self) -> float:
        """Seconds in which a look is drawn in half of the frames; 0 while few are measured: a
        driver compiles."""
        if len(self._frames_s) < MIN_FRAMES:
            return 0.0
        return statistics.median(look_s for look_s, _ in self._frames_s)

    def refuse_two_looks(self) -> str:
        """Why there is no time to draw two looks in a frame, or ""."""
        if self.period_s is None:
            return ""
        look_s = _percentile_95([look_s for look_s, _ in self._frames_s])
        rest_s = _percentile_95([rest_s for _, rest_s in self._frames_s])
        needed_s = 2.0 * look_s + rest_s
        if needed_s <= MAX_WORK_FRACTION * self.period_s:
            return ""
        needed = f"{needed_s * 1000:.0f} of {self.period_s * 1000:.0f} ms"
        return f"drawing both looks would take {needed} per frame"

    def refuse_late(self, late_before: int, allowed: int) -> str:
        """Why something that costs time must stop: more frames were late since `late_before` than
        `allowed`; or ""."""
        came_late = self.late - late_before
        if self.period_s is None or came_late <= allowed:
            return ""
        return f"{came_late} frames were late"


class SpareTime:
    """Decides whether a picture fits into the rest of a frame that is finished.

    One that does not fit is left out, but drawn after 1 s, then after 2, 4, 8 and each 10 s, which
    may delay a frame: its cost may have been an accident, and a still picture is better than
    none."""

    def __init__(self) -> None:
        self._costs_s: deque[float] = deque(maxlen=SPARE_COSTS)
        self._try_at_s: float | None = None
        """When it is drawn although it does not fit; None while it does."""
        self.failures = 0
        """Pictures in a row that took longer than the rest of their frame."""

    @property
    def cost_s(self) -> float:
        """Seconds of the dearest of the last pictures."""
        return max(self._costs_s, default=0.0)

    def allows(self, now_s: float, free_s: float) -> bool:
        """True if a picture may be drawn now. `free_s`: until the next frame is due."""
        if 0 < free_s >= self.cost_s:
            return True
        if self._try_at_s is None:
            self._try_at_s = now_s + FIRST_TRY_S
        return now_s >= self._try_at_s

    def add(self, now_s: float, free_s: float, cost_s: float) -> None:
        """A picture was drawn that took `cost_s`."""
        if cost_s > free_s:
            self.failures += 1
            delay_s = next_delay_s(self.failures, first_s=FIRST_TRY_S, max_s=MAX_TRY_S)
            self._try_at_s = now_s + delay_s
        elif self._try_at_s is not None:
            self._costs_s.clear()
            self.failures = 0
            self._try_at_s = None
        self._costs_s.append(cost_s)


def rest_s(spent_s: float) -> float:
    """Seconds that a thread rests which computes beside the frames, after so many of work: on a
    machine where that takes long it works less, and no frame is late for it."""
    return min(REST * spent_s, MAX_REST_S) if spent_s > SLOW_S else 0.0


def _percentile_95(times_s: list[float]) -> float:
    """The 95th percentile, 0 for an empty list."""
    return sorted(times_s)[int(0.95 * len(times_s))] if times_s else 0.0
