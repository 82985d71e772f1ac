"""Decks: each is a look that is drawn, wherever its picture goes.

    on air     what is on screen; during a picture fade, the look that fades in
    outgoing   during a picture fade: the old look. It has the values from before the fade, and a
               copy of what moves them: glides finish, LFOs run, it still reacts to the kick
    upcoming   an upcoming look begins in a moment; it is drawn unseen, so that it has its trail
    second     the look of the second output

A deck's number is its identity: whatever belongs to it (the renderer's trail, the hue glide of the
sound's analysis) goes with the number, from `upcoming` to `on air` to `outgoing`, and back to the
screen when a fade is undone. What happens to the decks in a frame is the crossfade's decision
(`LookEvent`). Parameters outside presets (the master, the sound's gain) have the current values on
all decks. Without time to draw two looks, the old one freezes: its last picture dissolves into the
new look.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import osc_schema
from engine.audio.settings import AudioSettings
from engine.params.crossfade import LookEvent, PictureFade
from engine.params.expected_look import ExpectedLook
from engine.params.modulation import Modulation
from engine.params.slew import Slew
from engine.params.store import Snapshot
from engine.system.frame_budget import FrameBudget
from engine.values import AudioFeatures

LOOK = tuple(param.address for param in osc_schema.PARAMS if param.is_look)
"""Addresses that a panic resets."""
STORED = tuple(param.address for param in osc_schema.PARAMS if param.stored)
"""Addresses that presets contain: an outgoing look keeps its own values."""

BOTH = "both looks are drawn"
BYPASSED = "a shader was bypassed"
DELAYED = "its shader held up the picture"
MAX_LATE_FRAMES = 2  # in a fade that draws both looks: two can be a hiccup of the system


class Deck:
    """A look that is drawn. Each frame calls `glide`, then `modulate`; between them the sound is
    analysed."""

    def __init__(self, slew: Slew, modulation: Modulation, number: int = 1) -> None:
        self.number = number
        """Identity of the deck, unique in a run."""
        self.slew = slew
        self.modulation = modulation
        self.values: Mapping[str, Any] = {}
        """All values of this frame: smoothed after `glide`, modulated after `modulate`."""
        self.source: Snapshot | None = None
        """The set values that those of an outgoing look glide to; None for another deck."""

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

    def become(self, other: "Deck") -> None:
        """Continue as an outgoing look, from its present state."""
        self.number = other.number
        self.slew.continue_from(other.slew, STORED)
        self.modulation = other.modulation

    def copy(self, number: int) -> "Deck":
        """A deck of this number that continues from the current state."""
        return Deck(self.slew.copy(), self.modulation.copy(), number)


class Decks:
    """All decks of a run. Call `follow`, `glide` and `modulate` each frame on the render thread."""

    def __init__(
        self, on_air: Deck, budget: FrameBudget, expected: ExpectedLook | None = None
    ) -> None:
        self.on_air = on_air
        self.outgoing: Deck | None = None
        """None between fades, or if the old look is a still."""
        self.upcoming: Deck | None = None
        """None if no look is expected, or it has no trail; never beside an outgoing one."""
        self.second: Deck | None = None
        """None while the second output shows no look of its own."""
        self.draws_upcoming = False
        """The upcoming look is drawn in this frame; else it waits with its trail."""
        self.fade_note = ""
        """Text for people: how the old look of the latest fade is drawn; "" before the first
        fade."""
        self._budget = budget
        self._late_before = 0
        self._expected = expected or ExpectedLook()
        self._has_drawn_upcoming = False
        self._newest_number = on_air.number

    @property
    def beside(self) -> Deck | None:
        """The deck that is drawn beside the one on air, with it; None if that is alone."""
        if self.outgoing is not None:
            return self.outgoing
        return self.upcoming if self.draws_upcoming else None

    def new_number(self) -> int:
        """The number of a deck that begins without a trail."""
        self._newest_number += 1
        return self._newest_number

    def follow(self, event: LookEvent, snapshot: Snapshot) -> None:
        """Apply what happens to the looks in this frame. Call it before `glide` with the same
        snapshot."""
        if event.undone is not None and self.outgoing is not None:
            self.on_air.become(self.outgoing)
        begins = event.begins_fade or event.is_cut
        self.draws_upcoming = self._expected.follow(
            self.on_air.values,
            self._budget,
            is_fading=event.fade is not None,
            begins=begins,
        )
        if begins:
            self._follow_fade(event.fade)
            self.on_air.number = self._number_of_next_look()
            self.on_air.slew.jump_to(snapshot, LOOK)
        elif event.fade is None:
            self.outgoing = None
        elif self.outgoing is not None:
            why = self._budget.refuse_late(self._late_before, MAX_LATE_FRAMES)
            if why:
                self._freeze(why)
        self._follow_upcoming()

    def glide(self, snapshot: Snapshot, step_s: float) -> None:
        self.on_air.glide(snapshot, step_s)
        if self.upcoming is not None and self.draws_upcoming:
            self.upcoming.values = {**self.on_air.values, **self._expected.values}
        outgoing = self.outgoing
        if outgoing is not None and outgoing.source is not None:
            outgoing.glide(outgoing.source, step_s)
            own = {address: outgoing.values[address] for address in STORED}
            outgoing.values = {**self.on_air.values, **own}

    def audio_settings(self, width_px: int) -> AudioSettings:
        """The settings of the deck on air, with those of the one beside it as `outgoing`, or of the
        second output while none is."""
        settings = self.on_air.audio_settings(width_px)
        other = self.beside or self.second
        if other is None:
            return settings
        return replace(
            settings, outgoing=other.audio_settings(width_px), outgoing_deck=other.number
        )

    def modulate(
        self, features: AudioFeatures, *, time_s: float, beat: float, breath: float = 0.0
    ) -> None:
        for deck in (self.on_air, self.beside):
            if deck is not None:
                deck.modulate(features, time_s=time_s, beat=beat, breath=breath)

    def freeze_outgoing(self) -> None:
        """Freeze the old look, because its shader delays the picture."""
        if self.outgoing is not None:
            self._freeze(DELAYED)

    def _follow_fade(self, fade: PictureFade | None) -> None:
        """Choose how the old look is drawn during a fade that begins; it is not after a cut."""
        if fade is None:
            self.outgoing = None
        elif fade.is_frozen:
            self._freeze(BYPASSED)
        elif self.outgoing is None or self.outgoing.source is not fade.before:
            self._keep_outgoing(fade)  # else the same look is still outgoing

    def _keep_outgoing(self, fade: PictureFade) -> None:
        self._late_before = self._budget.late
        why = self._budget.refuse_two_looks()
        if why:
            self._freeze(why)
            return
        self.outgoing = self.on_air.copy(self.on_air.number)
        self.outgoing.source = fade.before
        self.fade_note = BOTH

    def _number_of_next_look(self) -> int:
        """The number of a look that begins: the upcoming one's, unless that still waits."""
        waits = self.draws_upcoming or self._expected.keeps_trail
        if self.upcoming is None or waits:
            return self.new_number()
        return self.upcoming.number

    def _follow_upcoming(self) -> None:
        if self.draws_upcoming and (self.upcoming is None or not self._has_drawn_upcoming):
            number = self.new_number() if self.upcoming is None else self.upcoming.number
            self.upcoming = self.on_air.copy(number)
        elif not self.draws_upcoming and not self._expected.keeps_trail:
            self.upcoming = None
        self._has_drawn_upcoming = self.draws_upcoming

    def _freeze(self, why: str) -> None:
        self.outgoing = None
        self.fade_note = f"the old look is frozen ({why})"
