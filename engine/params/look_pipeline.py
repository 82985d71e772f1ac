"""The values of each look in each frame: set values glide, then sound and LFOs move them.

During a picture fade there are two looks. The old one has the values from before the fade, and a copy of the pipeline
that goes on from its state: glides finish, LFOs run, it still reacts to the kick. What presets do not hold (the master,
the gain of the sound) has the current values in both. If there is not time to draw two looks, the old one freezes: its
last picture dissolves into the new look (drawing_cost.py). An expected one gets its trail before (expected_look.py).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import osc_schema
from engine.audio.settings import AudioSettings
from engine.params.crossfade import Crossfade, PictureFade
from engine.params.drawing_cost import DrawingCost
from engine.params.expected_look import ExpectedLook
from engine.params.modulation import Modulation
from engine.params.slew import Slew
from engine.params.store import Snapshot
from engine.values import AudioFeatures

LOOK = tuple(param.address for param in osc_schema.PARAMS if param.is_look)
"""Addresses that a panic resets."""
KEPT = tuple(param.address for param in osc_schema.PARAMS if param.stored)
"""Addresses that presets hold: a look that leaves keeps its own values."""

BOTH = "both looks are drawn"
BYPASSED = "a shader was bypassed"
HELD_UP = "its shader held up the picture"


class LookPipeline:
    """One look. Each frame `glide`, then `modulate`, between which the sound is analysed."""

    def __init__(self, slew: Slew, modulation: Modulation) -> None:
        self.slew, self.modulation = slew, modulation
        self.values: Mapping[str, Any] = {}
        """All values of this frame: smoothed after `glide`, modulated after `modulate`."""

    def glide(self, snapshot: Snapshot, step_s: float) -> None:
        """Let the values glide to those of the snapshot. `step_s`: time since the last frame."""
        self.values = self.slew.step(snapshot, step_s)

    def audio_settings(self, width_px: int) -> AudioSettings:
        """The settings to analyse this frame's sound with, for a picture of this width."""
        return AudioSettings.from_values(self.modulation.analysis_values(self.values), width_px)

    def modulate(self, features: AudioFeatures, *, time_s: float, beat: float) -> None:
        """Move the values with the sound and the LFOs; arguments as of `Modulation.step`."""
        self.values = self.modulation.step(self.values, features, time_s=time_s, beat=beat)

    def go_on_from(self, other: "LookPipeline") -> None:
        """Go on with the look that left, from where it is now."""
        self.slew.go_on_from(other.slew, KEPT)
        self.modulation = other.modulation

    def copy(self) -> "LookPipeline":
        """A pipeline that continues from the current state."""
        return LookPipeline(self.slew.copy(), self.modulation.copy())


class Looks:
    """The look on screen and, during a picture fade, the one that leaves. On the render thread call `follow`,
    `glide` and `modulate` each frame."""

    def __init__(self, shown: LookPipeline, expected: ExpectedLook | None = None) -> None:
        self.shown, self.expected = shown, expected or ExpectedLook()
        self.leaving: LookPipeline | None = None
        """The old look; None if none leaves, or if it is not drawn."""
        self.coming: LookPipeline | None = None
        """A look that begins in a moment, while its trail is drawn; never beside an old one."""
        self.fade: PictureFade | None = None
        """The running fade, or None."""
        self._leaving_number = 0
        """Counts the looks that leave or come and are drawn."""
        self._cuts = self._returns = 0
        self.cost = DrawingCost()
        self.drawn_as = ""
        """Text for people: how the old look of the latest fade is drawn; "" before the first fade."""

    @property
    def count(self) -> int:
        """Number of looks that are drawn, 1 or 2."""
        return 1 if self.leaving is None and self.coming is None else 2

    @property
    def leaving_values(self) -> Mapping[str, Any] | None:
        """All values to draw the old look with; None if it is not drawn."""
        return None if self.leaving is None else self.leaving.values

    def follow(
        self,
        fade: PictureFade | None,
        snapshot: Snapshot,
        *,
        period_s: float | None,
        late: int,
        crossfade: Crossfade | None = None,
    ) -> None:
        """Follow the fade. Call it before `glide` with the same snapshot. `period_s`: frame period, None offline, where
        there is always enough time; `late`: late frames so far; `crossfade`: where the fade is from. It is told if the
        old look is drawn, and may have undone the last fade."""
        before, self.fade = self.fade, fade
        begins = fade is not None and (before is None or before.number != fade.number)
        if crossfade is not None and crossfade.returns != self._returns:
            self._returns = crossfade.returns
            if self.leaving is not None:
                self.shown.go_on_from(self.leaving)
        if crossfade is not None and crossfade.cuts != self._cuts:
            self._cuts, begins = crossfade.cuts, True
            self.shown.slew.jump_to(snapshot, LOOK)
        if fade is None:
            self.leaving = None
        elif begins:
            if fade.is_held:
                self._freeze(BYPASSED)
            elif before is None or before.before is not fade.before:  # else the same look leaves still
                self._begin(period_s, late)
            self.shown.slew.jump_to(snapshot, LOOK)
        elif self.leaving is not None and period_s is not None and (why := self.cost.check_late(late)):
            self._freeze(why)
        if crossfade is not None:
            crossfade.draws_old = self.leaving is not None
        is_fading = fade is not None
        comes = self.expected.follow(
            self.shown.values, self.cost, is_fading=is_fading, begins=begins, period_s=period_s, late=late
        )
        if not comes:
            self.coming = None
        elif self.coming is None:
            self.coming = self.shown.copy()
            self._leaving_number += 1

    def glide(self, snapshot: Snapshot, step_s: float) -> None:
        self.shown.glide(snapshot, step_s)
        if self.coming is not None:
            self.coming.values = {**self.shown.values, **self.expected.values}
        if self.leaving is not None and self.fade is not None:
            self.leaving.glide(self.fade.before, step_s)
            old = self.leaving.values
            self.leaving.values = {**self.shown.values, **{address: old[address] for address in KEPT}}

    def audio_settings(self, width_px: int) -> AudioSettings:
        """Those of the shown look, with those of the old or the coming one as `leaving`."""
        settings, other = self.shown.audio_settings(width_px), self.leaving or self.coming
        if other is None:
            return settings
        return replace(settings, leaving=other.audio_settings(width_px), leaving_number=self._leaving_number)

    def modulate(self, features: AudioFeatures, *, time_s: float, beat: float) -> None:
        self.shown.modulate(features, time_s=time_s, beat=beat)
        for other in (self.leaving, self.coming):
            if other is not None:
                other.modulate(features, time_s=time_s, beat=beat)

    def give_up_leaving(self) -> None:
        """Freeze the old look, because its shader holds up the picture."""
        if self.leaving is not None:
            self._freeze(HELD_UP)

    def _begin(self, period_s: float | None, late: int) -> None:
        if period_s is not None and (why := self.cost.begin(period_s, late)):
            self._freeze(why)
            return
        self.leaving, self.drawn_as = self.shown.copy(), BOTH
        self._leaving_number += 1

    def _freeze(self, why: str) -> None:
        self.leaving = None
        self.drawn_as = f"the old look is frozen ({why})"
