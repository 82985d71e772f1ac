"""The old look during a picture fade: it keeps its values and keeps moving.

It has the values from before the fade, and copies of the show's slew and modulation that continue from their current
state: glides finish, LFOs run, and it still reacts to the kick. It keeps the values that presets hold.
Everything else (the master, the gain of the sound) has the current values in both looks.

Drawing two looks takes twice the time. If there is not enough, the old look freezes: its last picture, which costs
nothing to draw, dissolves into the new look. `DrawingCost` decides by frame times: at the start of a fade by those of
the last frames, then by the number of late frames.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

import osc_schema
from engine.params.crossfade import PictureFade
from engine.params.modulation import Modulation
from engine.params.slew import Slew
from engine.params.store import Snapshot
from engine.values import AudioFeatures

LOOK = tuple(param.address for param in osc_schema.PARAMS if param.is_look)
KEPT = tuple(param.address for param in osc_schema.PARAMS if param.stored)

MAX_WORK_SHARE = 0.8  # of a frame's time, estimated for drawing both looks; the rest is reserve
MAX_LATE_FRAMES = 2  # per fade: two can be a hiccup of the system
MEASURED_FRAMES = 60
BOTH = "both looks are drawn"
HELD = "a shader was bypassed"


class DrawingCost:
    """Decides if there is time to draw both looks. Pure: frame times and counts are arguments."""

    def __init__(self) -> None:
        self._frames_s: deque[tuple[float, float]] = deque(maxlen=MEASURED_FRAMES)
        self._late_at_begin = 0

    def add(self, *, work_s: float, draw_s: float, looks: int) -> None:
        """Add a published frame: seconds of all its work, seconds of drawing in it, number of looks drawn."""
        self._frames_s.append((draw_s / looks, work_s - draw_s))

    def begin(self, period_s: float, late: int) -> str:
        """Start a fade. Returns why there is no time to draw both looks, or "". `late`: late frames so far."""
        self._late_at_begin = late
        look_s = _percentile_95([look_s for look_s, _ in self._frames_s])
        rest_s = _percentile_95([rest_s for _, rest_s in self._frames_s])
        needed_s = 2.0 * look_s + rest_s
        if needed_s <= MAX_WORK_SHARE * period_s:
            return ""
        return f"drawing both looks would take {needed_s * 1000:.0f} of {period_s * 1000:.0f} ms per frame"

    def check_late(self, late: int) -> str:
        """The reason to stop drawing both looks in the current fade, or "". `late`: late frames so far."""
        came_late = late - self._late_at_begin
        return f"{came_late} frames were late" if came_late > MAX_LATE_FRAMES else ""


class LeavingLook:
    """The old look of each fade. On the frame loop's thread call `follow`, `analysis_values` and `step` each frame."""

    def __init__(self, slew: Slew, modulation: Modulation) -> None:
        """`slew`, `modulation`: those of the show."""
        self._show_slew, self._show_modulation = slew, modulation
        self.cost = DrawingCost()
        self.fade: PictureFade | None = None
        """The running fade, or None."""
        self.values: Mapping[str, Any] | None = None
        """All values to draw the old look with; None if it is not drawn."""
        self.drawn_as = ""
        """Text for people: how the old look of the latest fade is drawn; "" before the first fade."""
        self._slew: Slew | None = None
        self._modulation = modulation

    def follow(
        self, fade: PictureFade | None, snapshot: Snapshot, *, step_s: float, period_s: float | None, late: int
    ) -> None:
        """Follow the fade. Call it before the show's own slew steps to `snapshot`.

        `step_s`: time since the last frame; `period_s`: frame period, None offline, where there is always enough time;
        `late`: late frames so far.
        """
        before, self.fade, self.values = self.fade, fade, None
        if fade is None:
            self._slew = None
            return
        if before is None or before.number != fade.number:
            if fade.is_held:
                self._freeze(HELD)
            elif before is None or before.before is not fade.before:  # else nothing was drawn since: same old look
                self._begin(period_s, late)
            self._show_slew.jump_to(snapshot, LOOK)
        elif self._slew is not None and period_s is not None and (why := self.cost.check_late(late)):
            self._freeze(why)
        if self._slew is not None:
            self.values = self._slew.step(fade.before, step_s)

    def analysis_values(self, show: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """All values for the analysis of this frame's sound; None if it is not drawn. `show`: the show's values."""
        if self.values is None:
            return None
        self.values = {**show, **{address: self.values[address] for address in KEPT}}
        return self._modulation.analysis_values(self.values)

    def step(self, features: AudioFeatures, *, time_s: float, beat: float) -> None:
        """Modulate `values`, like the show's modulation."""
        if self.values is not None:
            self.values = self._modulation.step(self.values, features, time_s=time_s, beat=beat)

    def give_up(self) -> None:
        """Freeze the old look, because its shader holds up the picture."""
        if self._slew is not None:
            self._freeze(HELD)

    def _begin(self, period_s: float | None, late: int) -> None:
        why = "" if period_s is None else self.cost.begin(period_s, late)
        if why:
            self._freeze(why)
            return
        self._slew, self._modulation = self._show_slew.copy(), self._show_modulation.copy()
        self.drawn_as = BOTH

    def _freeze(self, why: str) -> None:
        self._slew = None
        self.drawn_as = f"the old look is frozen ({why})"


def _percentile_95(times_s: list[float]) -> float:
    """The 95th percentile, 0 for an empty list."""
    return sorted(times_s)[int(0.95 * len(times_s))] if times_s else 0.0
