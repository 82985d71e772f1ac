"""Computes the values of each look in each frame: set values glide, then sound and LFOs move them.

During a picture fade there are two looks. The old one has the values from before the fade, and a
copy of the pipeline that continues from its state: glides finish, LFOs run, it still reacts to the
kick. Parameters outside presets (the master, the sound's gain) have the current values in both.
Without time to draw two looks, the old one freezes: its last picture dissolves into the new look
(drawing_cost.py). An expected look gets its trail before (expected_look.py).
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
STORED = tuple(param.address for param in osc_schema.PARAMS if param.stored)
"""Addresses that presets contain: an outgoing look keeps its own values."""

BOTH = "both looks are drawn"
BYPASSED = "a shader was bypassed"
DELAYED = "its shader held up the picture"


class LookPipeline:
    """The values of one look. Each frame calls `glide`, then `modulate`; between them the sound is
    analysed."""

    def __init__(self, slew: Slew, modulation: Modulation) -> None:
        self.slew = slew
        self.modulation = modulation
        self.values: Mapping[str, Any] = {}
        """All values of this frame: smoothed after `glide`, modulated after `modulate`."""

    def glide(self, snapshot: Snapshot, step_s: float) -> None:
        """Let the values glide to those of the snapshot. `step_s`: time since the last frame."""
        self.values = self.slew.step(snapshot, step_s)

    def audio_settings(self, width_px: int) -> AudioSettings:
        """The settings to analyse this frame's sound with, for a picture of this width."""
        return AudioSettings.from_values(self.modulation.analysis_values(self.values), width_px)

    def modulate(
        self, features: AudioFeatures, *, time_s: float, beat: float, breath: float = 0.0
    ) -> None:
        """Move the values with the sound and the LFOs; arguments as of `Modulation.step`."""
        self.values = self.modulation.step(
            self.values, features, time_s=time_s, beat=beat, breath=breath
        )

    def continue_from(self, other: "LookPipeline") -> None:
        """Continue from the present state of the outgoing look."""
        self.slew.continue_from(other.slew, STORED)
        self.modulation = other.modulation

    def copy(self) -> "LookPipeline":
        """A pipeline that continues from the current state."""
        return LookPipeline(self.slew.copy(), self.modulation.copy())


class Looks:
    """The look on screen and, during a picture fade, the outgoing one. Call `follow`, `glide` and
    `modulate` each frame on the render thread."""

    def __init__(self, current: LookPipeline, expected: ExpectedLook | None = None) -> None:
        self.current = current
        self.expected = expected or ExpectedLook()
        self.outgoing: LookPipeline | None = None
        """The old look; None between fades, or if it is not drawn."""
        self.upcoming: LookPipeline | None = None
        """A look that begins in a moment, while its trail is drawn; never beside an old one."""
        self.second: LookPipeline | None = None
        """The look of the second output, whose sound is analysed while no other look is drawn
        beside the current."""
        self.fade: PictureFade | None = None
        """The running fade, or None."""
        self._outgoing_number = 0
        """Number of outgoing and incoming looks that were drawn."""
        self._cuts = 0
        self._returns = 0
        self.cost = DrawingCost()
        self.fade_note = ""
        """Text for people: how the old look of the latest fade is drawn; "" before the first
        fade."""

    @property
    def count(self) -> int:
        """Number of looks that are drawn, 1 or 2."""
        return 1 if self.outgoing is None and self.upcoming is None else 2

    @property
    def outgoing_values(self) -> Mapping[str, Any] | None:
        """All values to draw the old look with; None if it is not drawn."""
        return None if self.outgoing is None else self.outgoing.values

    def follow(
        self,
        fade: PictureFade | None,
        snapshot: Snapshot,
        *,
        period_s: float | None,
        late: int,
        crossfade: Crossfade | None = None,
    ) -> None:
        """Follow the state of the picture fade. Call it before `glide` with the same snapshot.
        `period_s`: frame period, None offline, where there is always enough time; `late`: late
        frames so far; `crossfade`: the source of the fade. Its `draws_old` is updated, and it may
        have undone the last fade."""
        before = self.fade
        self.fade = fade
        begins = fade is not None and (before is None or before.number != fade.number)
        if crossfade is not None and crossfade.returns != self._returns:
            self._returns = crossfade.returns
            if self.outgoing is not None:
                self.current.continue_from(self.outgoing)
        if crossfade is not None and crossfade.cuts != self._cuts:
            self._cuts = crossfade.cuts
            begins = True
            self.current.slew.jump_to(snapshot, LOOK)
        if fade is None:
            self.outgoing = None
        elif begins:
            if fade.is_frozen:
                self._freeze(BYPASSED)
            elif (
                before is None or before.before is not fade.before
            ):  # else the same look is still outgoing
                self._begin(period_s, late)
            self.current.slew.jump_to(snapshot, LOOK)
        elif (
            self.outgoing is not None
            and period_s is not None
            and (why := self.cost.check_late(late))
        ):
            self._freeze(why)
        if crossfade is not None:
            crossfade.draws_old = self.outgoing is not None
        is_fading = fade is not None
        comes = self.expected.follow(
            self.current.values,
            self.cost,
            is_fading=is_fading,
            begins=begins,
            period_s=period_s,
            late=late,
        )
        if not comes:
            self.upcoming = None
        elif self.upcoming is None:
            self.upcoming = self.current.copy()
            self._outgoing_number += 1

    def glide(self, snapshot: Snapshot, step_s: float) -> None:
        self.current.glide(snapshot, step_s)
        if self.upcoming is not None:
            self.upcoming.values = {**self.current.values, **self.expected.values}
        if self.outgoing is not None and self.fade is not None:
            self.outgoing.glide(self.fade.before, step_s)
            old = self.outgoing.values
            self.outgoing.values = {
                **self.current.values,
                **{address: old[address] for address in STORED},
            }

    def audio_settings(self, width_px: int) -> AudioSettings:
        """The settings of the displayed look, with those of the outgoing or incoming one as
        `outgoing`."""
        settings = self.current.audio_settings(width_px)
        other = self.outgoing or self.upcoming or self.second
        if other is None:
            return settings
        return replace(
            settings, outgoing=other.audio_settings(width_px), outgoing_number=self._outgoing_number
        )

    def modulate(
        self, features: AudioFeatures, *, time_s: float, beat: float, breath: float = 0.0
    ) -> None:
        self.current.modulate(features, time_s=time_s, beat=beat, breath=breath)
        for other in (self.outgoing, self.upcoming):
            if other is not None:
                other.modulate(features, time_s=time_s, beat=beat, breath=breath)

    def freeze_outgoing(self) -> None:
        """Freeze the old look, because its shader delays the picture."""
        if self.outgoing is not None:
            self._freeze(DELAYED)

    def _begin(self, period_s: float | None, late: int) -> None:
        if period_s is not None and (why := self.cost.begin(period_s, late)):
            self._freeze(why)
            return
        self.outgoing = self.current.copy()
        self.fade_note = BOTH
        self._outgoing_number += 1

    def _freeze(self, why: str) -> None:
        self.outgoing = None
        self.fade_note = f"the old look is frozen ({why})"
