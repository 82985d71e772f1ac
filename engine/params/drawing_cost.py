"""Decides if there is time to draw two looks: before it begins by the last frames' times, then by
how many are late."""

import statistics
from collections import deque

MAX_WORK_FRACTION = 0.8  # of a frame's time, estimated for drawing both looks; the rest is reserve
MAX_LATE_FRAMES = 2  # per fade: two can be a hiccup of the system
MIN_FRAMES = 10
MEASURED_FRAMES = 60


class DrawingCost:
    """Decides if there is time to draw both looks. Pure: frame times and counts are arguments."""

    def __init__(self) -> None:
        self._frames_s: deque[tuple[float, float]] = deque(maxlen=MEASURED_FRAMES)
        self._late_at_begin = 0

    def add(self, *, work_s: float, draw_s: float, looks: int) -> None:
        """Add a published frame: seconds of all its work, seconds of drawing in it, number of looks
        drawn."""
        self._frames_s.append((draw_s / looks, work_s - draw_s))

    @property
    def usual_look_s(self) -> float:
        """Seconds in which a look is drawn in half of the frames; 0 while few are measured: a
        driver compiles."""
        return (
            statistics.median(each for each, _ in self._frames_s)
            if len(self._frames_s) >= MIN_FRAMES
            else 0.0
        )

    def begin(self, period_s: float, late: int) -> str:
        """Start a fade. Returns why there is no time to draw both looks, or "". `late`: late frames
        so far."""
        self._late_at_begin = late
        look_s = _percentile_95([look_s for look_s, _ in self._frames_s])
        rest_s = _percentile_95([rest_s for _, rest_s in self._frames_s])
        needed_s = 2.0 * look_s + rest_s
        if needed_s <= MAX_WORK_FRACTION * period_s:
            return ""
        return (
            f"drawing both looks would take {needed_s * 1000:.0f} of {period_s * 1000:.0f} ms "
            "per frame"
        )

    def check_late(self, late: int, allowed: int = MAX_LATE_FRAMES) -> str:
        """The reason to stop drawing both looks, or "". `late`: late frames so far, `allowed`:
        since `begin`."""
        came_late = late - self._late_at_begin
        return f"{came_late} frames were late" if came_late > allowed else ""


def _percentile_95(times_s: list[float]) -> float:
    """The 95th percentile, 0 for an empty list."""
    return sorted(times_s)[int(0.95 * len(times_s))] if times_s else 0.0
