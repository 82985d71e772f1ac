"""Chooses the shaders of each frame and their input values. Render thread, except where noted.

    ShaderControl ─ play(slot, shader) ─► the next frame that has its values
                                          ─► shaders(values) ─► renderer

A shader that is chosen is not ready yet: the last one plays on, with the values that it had,
because the new ones in the same group are not meant for it. If the new one fails, the last one
follows its aliases again. That of another look does not play on (`stand_in`), nor does a
transition. When a whole look replaces another at once, the picture on screen stays until its
shaders are ready.

While one look dissolves into another, the old shader stays in its render slot, where it is
compiled, and the new one gets the other render slot (shader_mixing.py).

A transition belongs to no look. It is in each frame's shaders, so that it is built before a fade
begins. With it, or with a blend, both looks are drawn with their own shaders, even if these are the
same.

A shader that is bypassed leaves in a dissolve: the picture on screen is frozen and becomes what
replaces it (`params/bypass.py`). It is tried again, and comes back in a dissolve, when its slot is
switched on or its file is chosen, even if neither changes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import osc_schema
from engine.control.commands.shader_mixing import (
    dissolve_shaders,
    is_same,
    morph_shaders,
    other_suffix,
    slot_of,
)
from engine.control.commands.shader_slots import PlayingShader
from engine.control.commands.slow_shaders import SlowShader, SlowShaders
from engine.params import ParamStore, Snapshot
from engine.params.crossfade import Crossfade, LookEvent, PictureFade
from engine.params.shader_inputs import ON_FROM, InputValue, ShaderInput
from engine.render.isf.isf_file import SECOND_SUFFIX, ShaderSlot
from osc_schema import fx

BYPASS_S: Final = 0.5  # of the dissolves to the fallback and back
CUT_S: Final = 2.0  # at most, from a new look until its shaders are ready
# or, on a busy machine, so many pictures: a shader is built in steps, one in each
CUT_FRAMES: Final = 40
HELD_FRAMES: Final = 300  # at most, for which a dissolve waits for the shaders of the new look
MAX_CACHED_SHADERS: Final = 32  # that outgoing looks may need

Jump = Callable[[Snapshot, Iterable[str]], None]


@dataclass(
    slots=True,
    kw_only=True,
    eq=False,
)
class _Slot:
    """A slot with the shader that plays in it."""

    name: str
    now: PlayingShader | None = None
    next: PlayingShader | None = None
    """Plays from the first frame whose values choose it. Set on any thread."""
    last: ShaderSlot | None = None
    """The slot as it was drawn last, without events."""
    failed: str = ""
    """Name of the file that has failed, so that the last good shader plays on."""
    is_awaited: bool = False
    """Its shader is not tested, or refused, so that another stands in. Set on any thread."""
    is_enabled: bool = True
    suffix: str = ""
    """Suffix of the render slot in which the look on screen has its shader."""
    switched_for: Snapshot | None = None
    """The old look of the last dissolve for which the render slot was changed."""
    requests_at_bypass: int = 0
    """How often it had been requested when it was bypassed."""

    @property
    def render_slot(self) -> str:
        return self.name + self.suffix

    def switch(self, old: Snapshot) -> None:
        """Change the render slot for a dissolve from this look, once."""
        if self.switched_for is not old:
            self.switched_for = old
            self.suffix = other_suffix(self.suffix)

    def switch_back(self, old: Snapshot) -> None:
        """Undo `switch`, if it was for this look."""
        if self.switched_for is old:
            self.suffix = other_suffix(self.suffix)
        self.switched_for = None

    def clear(self) -> None:
        self.now = None
        self.last = None

    def is_waiting_for(self, chosen: str) -> bool:
        """True if the shader of this name is not here yet, and has not failed."""
        if self.failed == chosen:
            return False
        return self.now is None or self.now.key != _key(chosen)


class ShaderPlayer:
    """The shaders that play in the slots, with the transitions between them."""

    def __init__(self, store: ParamStore, crossfade: Crossfade) -> None:
        self._store = store
        self._crossfade = crossfade
        self._bypass = crossfade.bypass
        self._slots = {name: _Slot(name=name) for name in fx.SLOTS}
        self._cached_shaders: dict[tuple[str, str], PlayingShader] = {}
        self._pressed: dict[str, bool] = {}
        """By the address of an event, whether it is on."""
        self._slow = SlowShaders()
        self.clock = (0.0, 120.0)
        """Beats since the start and beats per minute of the newest frame."""
        self._cut_s = -CUT_S
        self._cut_frame = -CUT_FRAMES
        self._frames = 0
        self._held_frames = 0
        self._awaits_tests = False
        self.holds_up_fade = False
        """True if drawing a shader of the old look was aborted in the newest frame."""
        self.upcoming: tuple[ShaderSlot, ...] = ()
        """Shaders of a look that waits for its beat, for the renderer to compile. Set on any
        thread."""
        self.draw_ms: Mapping[str, float] = {}
        """Milliseconds of drawing each slot in the newest frame. Any thread."""

    # -- any thread ----------------------------------------------------------------------------

    def play(
        self,
        slot: str,
        shader: PlayingShader,
        quality: float = 1.0,
        draw_ms: float = 0.0,
        period_ms: float = 0.0,
    ) -> None:
        """Play a shader from the first frame whose values choose it. The numbers are those of
        `SlowShaders.limit`."""
        self._slow.limit(shader, quality, draw_ms, period_ms)
        self._slots[slot].next = shader
        self._slots[slot].is_awaited = False

    def stand_in(self, slot: str) -> None:
        """Until `play`, draw no shader here but what replaces a bypassed one: the present one is
        another look's."""
        self._slots[slot].is_awaited = True

    def keep_last(self, slot: str, failed: str) -> None:
        """Keep playing the last good shader, as the file `failed` cannot be played; it follows its
        aliases again."""
        self._slots[slot].failed = failed

    def quality_line(self, shader: PlayingShader | None) -> str:
        """The line on the smaller form in which a shader is drawn, with what the larger one took;
        or ""."""
        return self._slow.line_of(shader) if shader is not None else ""

    def alias_of(self, target: str, values: Mapping[str, Any]) -> str:
        """The alias of a named input of the shader that these values choose; "" for none or
        several. Render thread."""
        slot = target.split("/")[2]
        file = fx.chosen_file(slot, values)
        shader = self._chosen(slot, file) or self._slots[slot].now
        for each in shader.inputs if shader is not None else ():
            if each.address == target and len(each.aliases) == 1:
                return each.aliases[0]
        return ""

    # -- the render thread -------------------------------------------------------------------------

    def bypass(self, slots: Iterable[str]) -> list[str]:
        """Draw no shader in these slots from the next frame on. Returns those that were not
        bypassed yet."""
        new = [
            slot
            for slot in slots
            if self._slots[slot].now is not None and slot not in self._bypass.slots
        ]
        is_fading = self._crossfade.progress is not None
        is_seen = is_fading or new != [fx.TRANSITION]
        if new and is_seen:
            self._crossfade.freeze(BYPASS_S)
        for slot in new:
            self._begin_bypass(slot)
        return new

    def _begin_bypass(self, slot: str) -> None:
        self._slots[slot].requests_at_bypass = self._requests(slot)
        self._bypass.begin(slot)

    def retry_bypassed(self) -> list[str]:
        """Begin what stands in, and resume drawing the bypassed slots that have another shader, or
        whose shader is to be tried again. Call it before a frame's values are read. Returns those
        that play the same shader again."""
        for slot in self._slots.values():
            if slot.is_awaited and slot.name not in self._bypass.slots:
                slot.clear()
                self._begin_bypass(slot.name)
        snapshot = self._store.snapshot()
        again = []
        other = []
        for name in self._bypass.slots:
            slot = self._slots[name]
            if slot.next is not None and slot.next.version <= snapshot.version:
                other.append(name)
            elif self._is_requested_again(slot, snapshot):
                again.append(name)
        if any(name != fx.TRANSITION for name in (*again, *other)):
            self._crossfade.dissolve(BYPASS_S)
        for name in (*again, *other):
            self._bypass.end(name)
            self._slow.begin(name)
        return again

    def _is_requested_again(self, slot: _Slot, snapshot: Snapshot) -> bool:
        """True if a bypassed slot was switched on, or its file chosen, since it was bypassed."""
        if slot.now is None:
            return False
        if self._requests(slot.name) == slot.requests_at_bypass:
            return False
        file = fx.chosen_file(slot.name, snapshot)
        is_on = bool(snapshot[fx.enable_address(slot.name)])
        return is_on and slot.now.key == _key(file)

    def _requests(self, slot: str) -> int:
        """How often the slot's switch or file was set."""
        switch = fx.enable_address(slot)
        file = fx.file_address(slot)
        return self._store.set_count((switch, file))

    def follow(
        self,
        event: LookEvent,
        snapshot: Snapshot,
        jump: Jump,
        time_s: float,
    ) -> None:
        """Start the shaders that are ready. `jump(snapshot, addresses)`: apply these values without
        a glide; `time_s`: time of the frame."""
        if event.undone is not None:
            self._undo_dissolve(snapshot, event.undone)
        if event.is_cut and self._frames > 0:
            self._cut_s = time_s
            self._cut_frame = self._frames
            self._awaits_tests = True
        for slot in self._slots.values():
            upcoming = slot.next
            is_ready = upcoming is not None and upcoming.version <= snapshot.version
            if upcoming is not None and is_ready and slot.name not in self._bypass.slots:
                self._start(slot, upcoming, snapshot, jump)
            if not fx.chosen_file(slot.name, snapshot):
                slot.is_awaited = False
                slot.clear()
                self._bypass.end(slot.name)

    def _start(
        self,
        slot: _Slot,
        shader: PlayingShader,
        snapshot: Snapshot,
        jump: Jump,
    ) -> None:
        if slot.next is shader:  # else another thread has given a newer one
            slot.next = None
        slot.now = shader
        slot.failed = ""
        self._cached_shaders[slot.name, shader.key] = shader
        while len(self._cached_shaders) > MAX_CACHED_SHADERS:
            del self._cached_shaders[next(iter(self._cached_shaders))]
        self._slow.begin(slot.name)
        for each in shader.inputs:  # a switch that is on at the start is no event
            position = snapshot.number(each.aliases[0])
            self._pressed[each.address] = position >= ON_FROM
        aliases = [fx.alias_address(slot.name, number) for number in fx.ALIASES]
        jump(snapshot, aliases)

    def _undo_dissolve(self, snapshot: Snapshot, old: Snapshot) -> None:
        """Restore the shaders of the old look in their render slots, because its dissolve was
        undone."""
        for name in fx.LOOK_SLOTS:
            slot = self._slots[name]
            shader = self._chosen(name, snapshot[fx.file_address(name)])
            if shader is not None and name not in self._bypass.slots:
                slot.now = shader
            slot.switch_back(old)

    def shaders(
        self,
        values: Mapping[str, Any],
        snapshot: Snapshot,
        moved: Mapping[str, float],
        fade: PictureFade | None = None,
        outgoing: Mapping[str, Any] | None = None,
        clock: tuple[float, float] = (0.0, 120.0),
    ) -> tuple[ShaderSlot, ...]:
        """The shaders to draw, in order. `values`: smoothed and modulated; `moved`: the modulated
        ones alone.

        `fade`: the running dissolve; `outgoing`: the old look's values, if it still moves; `clock`:
        beats and bpm."""
        self.clock = clock
        now = self._playing(values, snapshot, moved)
        playing = now.pop(fx.TRANSITION, None)
        if fade is None:
            alone = []
            for name, each in now.items():
                render_slot = self._slots[name].render_slot
                alone.append(replace(each, slot=render_slot))
            if playing is not None:
                alone.append(playing)
            return tuple(alone)
        transition = []
        if playing is not None and not fade.is_repair:
            transition.append(playing)
        old_values = fade.before if outgoing is None else outgoing
        before = self._outgoing_shaders(fade.before, old_values)
        is_blended = not fade.is_repair and values["/preset/blend"] != fx.DISSOLVE
        suffixes = {name: slot.suffix for name, slot in self._slots.items()}
        is_composed = bool(transition) or is_blended
        if outgoing is not None and not is_composed and is_same(before, now):
            return morph_shaders(before, now, fade.mix, suffixes)
        for name in now.keys() & before.keys():
            # A still picture contains its shaders: one that continues can stay in its render slot.
            is_same_file = before[name].file is now[name].file
            is_continued = outgoing is None and is_same_file
            if not is_continued:
                self._slots[name].switch(fade.before)
                suffixes[name] = self._slots[name].suffix
        moving = {} if outgoing is None else before
        return (*dissolve_shaders(moving, now, suffixes), *transition)

    def is_cutting(self, time_s: float) -> bool:
        """True for two seconds, and some pictures, after a look has replaced another at once.

        Meanwhile the picture on screen stays until all shaders of the new look are ready: its
        layers alone, or with the shader of the old look, belong to neither look."""
        passed_s = time_s - self._cut_s
        pictures = self._frames - self._cut_frame
        return passed_s < CUT_S or pictures < CUT_FRAMES

    def awaits_tests(self, values: Mapping[str, Any], time_s: float) -> bool:
        """True after a cut while a shader of the new look is being tested; not for one that is
        chosen later."""
        is_cutting = self.is_cutting(time_s)
        self._awaits_tests = self._awaits_tests and is_cutting and self._is_testing(values)
        return self._awaits_tests

    def note_frame(self, values: Mapping[str, Any], building: Collection[str]) -> None:
        """Let a dissolve wait at its beginning for the shaders of the look with these values, which
        have passed their test: they are read and built. `building`: render slots that the renderer
        builds."""
        self._frames += 1
        render_slots = [self._slots[name].render_slot for name in fx.LOOK_SLOTS]
        is_building = any(name in building for name in render_slots)
        is_waiting = is_building or self._is_testing(values)
        self._held_frames = self._held_frames + 1 if is_waiting else 0
        self._crossfade.hold(0 < self._held_frames < HELD_FRAMES)

    def _is_testing(self, values: Mapping[str, Any]) -> bool:
        for name in fx.LOOK_SLOTS:
            chosen = values[fx.file_address(name)]
            is_on = chosen and values[fx.enable_address(name)]
            if not is_on or name in self._bypass.slots:
                continue
            if self._slots[name].is_waiting_for(chosen):
                return True
        return False

    def _playing(
        self, values: Mapping[str, Any], snapshot: Snapshot, moved: Mapping[str, float]
    ) -> dict[str, ShaderSlot]:
        playing = {}
        pressed: list[str] = []
        for slot in self._slots.values():
            is_on = bool(values[fx.enable_address(slot.name)])
            if is_on and not slot.is_enabled:
                self._slow.begin_anew(slot.name, slot.now)
            slot.is_enabled = is_on
            if slot.now is None or not is_on:
                continue
            if slot.is_waiting_for(fx.chosen_file(slot.name, values)):
                if slot.last is not None and slot.name != fx.TRANSITION:
                    playing[slot.name] = slot.last
                continue
            now = self._slot_of(slot.name, slot.now, values, snapshot, moved)
            events = {
                each.name: self._has_fired(each, now.inputs[each.name], snapshot, pressed)
                for each in _events(slot.now)
            }
            silent = dict.fromkeys(events, False)
            slot.last = replace(now, inputs={**now.inputs, **silent})
            playing[slot.name] = slot.last
            if any(events.values()):
                playing[slot.name] = replace(now, inputs={**now.inputs, **events})
        if pressed:  # released, unless somebody has set them since
            released = [(_param(alias), 0.0) for alias in pressed]
            self._store.glide(released, by="fx", since=snapshot.version)
        return playing

    def _outgoing_shaders(
        self, before: Snapshot, values: Mapping[str, Any]
    ) -> dict[str, ShaderSlot]:
        """The shaders of the look that is dissolved, without events."""
        slots = {}
        for name in fx.LOOK_SLOTS:
            shader = self._chosen(name, before[fx.file_address(name)])
            if shader is not None and before[fx.enable_address(name)]:
                old = self._slot_of(name, shader, values, before, {})
                silent = dict.fromkeys((each.name for each in _events(shader)), False)
                slots[name] = replace(old, inputs={**old.inputs, **silent})
        return slots

    def _slot_of(
        self,
        name: str,
        shader: PlayingShader,
        values: Mapping[str, Any],
        snapshot: Snapshot,
        moved: Mapping[str, float],
    ) -> ShaderSlot:
        return slot_of(
            name,
            shader,
            values,
            snapshot,
            moved,
            clock=self.clock,
            quality=self._slow.quality_of(shader),
        )

    def note_costs(
        self,
        costs_ms: Mapping[str, float],
        period_s: float,
        overruns: Iterable[str] = (),
        *,
        picture_ms: float = 0.0,
        is_offline: bool = False,
    ) -> list[SlowShader]:
        """Record the drawing times of a frame by render slot; returns those that were too slow,
        none if `is_offline`.

        `picture_ms`: of the whole picture; if that is too slow, so is the slowest shader that has a
        smaller form. `overruns`: render slots that the renderer aborted in the middle of the
        picture. Those of an old look that is dissolved bypass nothing: `holds_up_fade`."""
        now: dict[str, PlayingShader] = {}
        own: dict[str, str] = {}
        for slot in self._slots.values():
            if slot.now is not None:
                now[slot.name] = slot.now
                own[slot.render_slot] = slot.name
        draw_ms = {own[name]: ms for name, ms in costs_ms.items() if name in own}
        self.draw_ms = draw_ms
        over = {own[name] for name in overruns if name in own}
        others = [name for name in overruns if name not in own]
        self.holds_up_fade = bool(others)
        period_ms = period_s * 1000.0
        slow = self._slow.count(draw_ms, period_ms, over)
        if is_offline:
            return []
        has_other_look = len(draw_ms) < len(costs_ms)  # in a dissolve that takes time, too
        if not slow and not has_other_look:
            return self._slow.count_picture(picture_ms, period_ms, draw_ms, now)
        found = []
        for name in slow:
            ms = draw_ms[name]
            quality = None
            if name not in over:
                quality = self._slow.smaller(now[name], ms, period_ms)
            found.append(
                SlowShader(
                    slot=name,
                    draw_ms=ms,
                    quality=quality,
                )
            )
        return found

    def shader_at(self, render_slot: str) -> PlayingShader | None:
        """The shader that plays in this render slot; None for one of an outgoing look."""
        slot = self._slots.get(render_slot.removesuffix(SECOND_SUFFIX))
        if slot is None or slot.render_slot != render_slot:
            return None
        return slot.now

    def _chosen(self, slot: str, name: object) -> PlayingShader | None:
        if not name:
            return None
        return self._cached_shaders.get((slot, _key(str(name))))

    def _has_fired(
        self, each: ShaderInput, value: InputValue, snapshot: Snapshot, pressed: list[str]
    ) -> bool:
        """True in one frame for each press of an event, by a sender or by modulation."""
        (alias,) = each.aliases
        was_up = self._pressed.get(each.address, False)
        is_up = bool(value)
        is_set = snapshot.number(alias) >= ON_FROM
        if is_set:
            pressed.append(alias)
        # Reset in this frame: if it is up again, that is a press.
        self._pressed[each.address] = is_up and not is_set
        return is_up and not was_up


def _param(alias: str) -> osc_schema.Param:
    param = osc_schema.lookup(alias)
    if param is None:
        raise osc_schema.unknown_address(alias)
    return param


def _events(shader: PlayingShader) -> list[ShaderInput]:
    return [each for each in shader.inputs if each.type == "event"]


def _key(name: str) -> str:
    return name.casefold()
