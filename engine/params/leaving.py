"""The look that goes while a picture fade lasts: it stays as it was, and goes on moving.

Its values are those of the moment before the fade, with a slew and a modulation of their own that go on from where the
show's stand: what was on its way arrives, its LFOs turn, its kick still kicks. Kept is what presets hold. Whatever
else a picture is made of (the master, the gain of the sound) is as it is now, for both looks.

Drawing two looks takes twice as long. Where there is no time for that, the leaving look stands still: the last picture
of it, which costs nothing, dissolves into the new look. `DrawingCost` decides by frame times: at the beginning of a
fade by those of the latest seconds, later by the frames that came late.
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

MAX_WORK_SHARE = 0.8  # of a frame's time that drawing both looks may be expected to take; the rest is for surprises
MAX_LATE_FRAMES = 2  # in one fade: a hiccup of the system is no reason, a third late frame is one
MEASURED_FRAMES = 60
BOTH = "both looks are drawn"


class DrawingCost:
    """Whether there is time to draw both looks. Pure: frame times and counts come in."""

    def __init__(self) -> None:
        self._frames_s: deque[tuple[float, float]] = deque(maxlen=MEASURED_FRAMES)
        self._late_at_begin = 0

    def add(self, *, work_s: float, draw_s: float, looks: int) -> None:
        """One published frame: seconds of all its work, seconds of that in the draw, how many looks that drew."""
        self._frames_s.append((draw_s / looks, work_s - draw_s))

    def begin(self, period_s: float, late: int) -> str:
        """Why a fade that begins now has no time to draw both; "" where it has. `late`: late frames so far."""
        self._late_at_begin = late
        look_s = _percentile_95([look_s for look_s, _ in self._frames_s])
        rest_s = _percentile_95([rest_s for _, rest_s in self._frames_s])
        needed_s = 2.0 * look_s + rest_s
        if needed_s <= MAX_WORK_SHARE * period_s:
            return ""
        return f"to draw both looks would take {needed_s * 1000:.0f} of {period_s * 1000:.0f} ms a frame"

    def go_on(self, late: int) -> str:
        """Why the fade that began last has no more time; "" while it has. `late`: late frames so far."""
        came_late = late - self._late_at_begin
        return f"{came_late} frames came late" if came_late > MAX_LATE_FRAMES else ""


class LeavingLook:
    """Of one fade after another. Frame loop's thread: `follow`, `again`, `step`, then what they made, each frame."""

    def __init__(self, slew: Slew, modulation: Modulation) -> None:
        """`slew` and `modulation` of the show."""
        self._show_slew, self._show_modulation = slew, modulation
        self.cost = DrawingCost()
        self.fade: PictureFade | None = None
        """The fade that is on."""
        self.values: Mapping[str, Any] | None = None
        """All values to draw the leaving look with; None where it is not drawn."""
        self.drawn_as = ""
        """How the leaving look of the newest fade is or was drawn, for people; "" before the first."""
        self._slew: Slew | None = None
        self._modulation = modulation

    def follow(
        self, fade: PictureFade | None, snapshot: Snapshot, *, step_s: float, period_s: float | None, late: int
    ) -> None:
        """Before the show's own slew steps to `snapshot`. `step_s`: since the last frame; `period_s`: of a frame, None
        offline, where there is always time; `late`: late frames so far."""
        before, self.fade, self.values = self.fade, fade, None
        if fade is None:
            self._slew = None
            return
        if before is None or before.number != fade.number:
            if before is None or before.before is not fade.before:  # else the same look goes, and no frame was between
                self._begin(period_s, late)
            self._show_slew.jump_to(snapshot, LOOK)
        elif self._slew is not None and period_s is not None and (why := self.cost.go_on(late)):
            self._stand_still(why)
        if self._slew is not None:
            self.values = self._slew.step(fade.before, step_s)

    def again(self, show: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """All values for the analysis of this frame's sound; None where it is not drawn. `show`: the show's."""
        if self.values is None:
            return None
        self.values = {**show, **{address: self.values[address] for address in KEPT}}
        return self._modulation.again(self.values)

    def step(self, features: AudioFeatures, *, time_s: float, beat: float) -> None:
        """Modulate `values`, as the show's modulation does."""
        if self.values is not None:
            self.values = self._modulation.step(self.values, features, time_s=time_s, beat=beat)

    def _begin(self, period_s: float | None, late: int) -> None:
        why = "" if period_s is None else self.cost.begin(period_s, late)
        if why:
            self._stand_still(why)
            return
        self._slew, self._modulation = self._show_slew.copy(), self._show_modulation.copy()
        self.drawn_as = BOTH

    def _stand_still(self, why: str) -> None:
        self._slew = None
        self.drawn_as = f"a still dissolves ({why})"


def _percentile_95(times_s: list[float]) -> float:
    """0 of none."""
    return sorted(times_s)[int(0.95 * len(times_s))] if times_s else 0.0
