"""Chooses the shaders of each frame and their input values. Render thread, except where noted.

    ShaderControl ─ play(slot, shader) ─► the next frame that has its values ─► shaders(values) ─► renderer

A shader that is chosen is not ready yet: the last one plays on, with the values that it had,
because the new ones in the same group are not meant for it. If the new one fails, the last one
follows its aliases again. That of another look does not play on (`stand_in`), nor does a
transition. When a whole look replaces another at once, the picture on screen stays until its
shaders are ready.

Inputs that cannot be interpolated, switches and menus, are not smoothed. While one look dissolves
into another, each has its own shaders, so a slot has two render slots, `1` and `1-`: the old shader
stays in its render slot, where it is compiled. If both looks have the same shaders in all slots,
each is drawn once, with inputs between those of both looks.

A transition belongs to no look. It is in each frame's shaders, so that it is built before a fade
begins. With it, or with a blend, both looks are drawn with their own shaders, even if these are the
same.

A shader that is bypassed leaves in a dissolve: the picture on screen is frozen and becomes what
replaces it (`params/bypass.py`). It is tried again, and comes back in a dissolve, when its slot is
switched on or its file is chosen, even if neither changes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import osc_schema
from engine.control.commands.shader_slots import PlayingShader
from engine.control.commands.slow_shaders import SlowShader, SlowShaders
from engine.params import ParamStore, Snapshot
from engine.params.crossfade import Crossfade, LookEvent, PictureFade
from engine.params.shader_inputs import ON_FROM, InputValue, ShaderInput, inputs_of
from engine.render.colour import shader_colours
from engine.render.isf.isf_file import SECOND_SUFFIX, IsfFile, IsfInput, ShaderSlot
from engine.values import item_weights
from osc_schema import fx

BYPASS_S: Final = 0.5  # of the dissolves to the fallback and back
CUT_S: Final = 2.0  # at most, from a new look until its shaders are ready
CUT_FRAMES: Final = (
    40  # or, on a busy machine, so many pictures: a shader is built in steps, one in each
)
HELD_FRAMES: Final = 300  # at most, for which a dissolve waits for the shaders of the new look
MAX_CACHED_SHADERS: Final = 32  # that outgoing looks may need
_MIXED: Final = ("float", "point2D", "color")

Jump = Callable[[Snapshot, Iterable[str]], None]


class ShaderPlayer:
    """The shaders that play in the slots, with the transitions between them."""

    def __init__(self, store: ParamStore, crossfade: Crossfade) -> None:
        self._store = store
        self._crossfade = crossfade
        self._bypass = crossfade.bypass
        self._requests_at_bypass: dict[str, int] = {}
        """How often each bypassed slot had been requested when it was bypassed."""
        self._next: dict[str, PlayingShader] = {}
        self._now: dict[str, PlayingShader] = {}
        self._cached_shaders: dict[tuple[str, str], PlayingShader] = {}
        self._failed: dict[str, str] = {}
        """Name of the file that has failed in a slot, so that the last good shader plays on."""
        self._awaited: set[str] = set()
        """Slots whose shader is not tested, or refused, so that another stands in."""
        self._last: dict[str, ShaderSlot] = {}
        self._pressed: dict[str, bool] = {}
        self._enabled: dict[str, object] = {}
        self._suffixes: dict[str, str] = dict.fromkeys(fx.SLOTS, "")
        self._switched: dict[str, Snapshot] = {}
        """By slot, the old look of the last dissolve for which its render slot was changed."""
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
        self._next[slot] = shader
        self._awaited.discard(slot)

    def stand_in(self, slot: str) -> None:
        """Until `play`, draw no shader here but what replaces a bypassed one: the present one is
        another look's."""
        self._awaited.add(slot)

    def keep_last(self, slot: str, failed: str) -> None:
        """Keep playing the last good shader, as the file `failed` cannot be played; it follows its
        aliases again."""
        self._failed[slot] = failed

    def quality_line(self, shader: PlayingShader | None) -> str:
        """The line on the smaller form in which a shader is drawn, with what the larger one took;
        or ""."""
        return self._slow.line_of(shader) if shader is not None else ""

    def alias_of(self, target: str, values: Mapping[str, Any]) -> str:
        """The alias of a named input of the shader that these values choose; "" for none or
        several. Render thread."""
        slot = target.split("/")[2]
        shader = self._chosen(slot, fx.chosen_file(slot, values)) or self._now.get(slot)
        for each in shader.inputs if shader is not None else ():
            if each.address == target and len(each.aliases) == 1:
                return each.aliases[0]
        return ""

    # -- the render thread -------------------------------------------------------------------------

    def bypass(self, slots: Iterable[str]) -> list[str]:
        """Draw no shader in these slots from the next frame on. Returns those that were not
        bypassed yet."""
        new = [slot for slot in slots if slot in self._now and slot not in self._bypass.slots]
        if new and (new != [fx.TRANSITION] or self._crossfade.progress is not None):
            self._crossfade.freeze(BYPASS_S)
        self._begin_bypass(new)
        return new

    def _begin_bypass(self, slots: Iterable[str]) -> None:
        for slot in slots:
            self._requests_at_bypass[slot] = self._store.set_count(_choice_addresses(slot))
            self._bypass.begin(slot)

    def retry_bypassed(self) -> list[str]:
        """Begin what stands in, and resume drawing the bypassed slots that have another shader, or
        whose shader is to be tried again. Call it before a frame's values are read. Returns those
        that play the same shader again."""
        for slot in self._awaited - self._bypass.slots:
            self._now.pop(slot, None)
            self._last.pop(slot, None)
            self._begin_bypass([slot])
        snapshot = self._store.snapshot()
        again = []
        other = []
        for slot in self._bypass.slots:
            upcoming = self._next.get(slot)
            now = self._now.get(slot)
            if upcoming is not None and upcoming.version <= snapshot.version:
                other.append(slot)
            elif (
                self._store.set_count(_choice_addresses(slot)) != self._requests_at_bypass[slot]
                and snapshot[fx.enable_address(slot)]
                and now is not None
                and now.key == _key(fx.chosen_file(slot, snapshot))
            ):
                again.append(slot)
        if any(slot != fx.TRANSITION for slot in (*again, *other)):
            self._crossfade.dissolve(BYPASS_S)
        for slot in (*again, *other):
            self._bypass.end(slot)
            self._slow.begin(slot)
        return again

    def _undo_dissolve(self, snapshot: Snapshot, old: Snapshot) -> None:
        """Restore the shaders of the old look in their render slots, because its dissolve was
        undone."""
        for slot in fx.LOOK_SLOTS:
            shader = self._chosen(slot, snapshot[fx.file_address(slot)])
            if shader is not None and slot not in self._bypass.slots:
                self._now[slot] = shader
            if self._switched.pop(slot, None) is old:
                self._suffixes[slot] = _other_suffix(self._suffixes[slot])

    def follow(self, event: LookEvent, snapshot: Snapshot, jump: Jump, time_s: float) -> None:
        """Start the shaders that are ready. `jump(snapshot, addresses)`: apply these values without
        a glide; `time_s`: time of the frame."""
        if event.undone is not None:
            self._undo_dissolve(snapshot, event.undone)
        if event.is_cut and self._frames > 0:
            self._cut_s = time_s
            self._cut_frame = self._frames
            self._awaits_tests = True
        for slot, shader in list(self._next.items()):
            if shader.version > snapshot.version or slot in self._bypass.slots:
                continue
            if self._next.get(slot) is shader:
                del self._next[slot]
            self._now[slot] = shader
            self._cached_shaders[slot, shader.key] = shader
            while len(self._cached_shaders) > MAX_CACHED_SHADERS:
                del self._cached_shaders[next(iter(self._cached_shaders))]
            self._failed.pop(slot, None)
            self._slow.begin(slot)
            for each in shader.inputs:  # a switch that is on at the start is no event
                self._pressed[each.address] = snapshot.number(each.aliases[0]) >= ON_FROM
            jump(snapshot, [fx.alias_address(slot, number) for number in fx.ALIASES])
        for slot in fx.SLOTS:
            if not fx.chosen_file(slot, snapshot):
                self._awaited.discard(slot)
                self._now.pop(slot, None)
                self._last.pop(slot, None)
                self._bypass.end(slot)

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
        now = {each.slot: each for each in self._playing(values, snapshot, moved)}
        playing = (now.pop(fx.TRANSITION),) if fx.TRANSITION in now else ()
        transition = () if fade is not None and fade.is_repair else playing
        if fade is None:
            return *(
                replace(each, slot=slot + self._suffixes[slot]) for slot, each in now.items()
            ), *transition
        before = self._outgoing_shaders(fade.before, fade.before if outgoing is None else outgoing)
        is_composed = bool(transition) or (
            not fade.is_repair and values["/preset/blend"] != fx.DISSOLVE
        )
        if outgoing is not None and not is_composed and is_same(before, now):
            return morph_shaders(before, now, fade.mix, self._suffixes)
        for slot in now.keys() & before.keys():
            # A still picture contains its shaders: one that continues can stay in its render slot.
            is_continued = outgoing is None and before[slot].file is now[slot].file
            if self._switched.get(slot) is not fade.before and not is_continued:
                self._switched[slot] = fade.before
                self._suffixes[slot] = _other_suffix(self._suffixes[slot])
        return *dissolve_shaders(
            {} if outgoing is None else before, now, self._suffixes
        ), *transition

    def is_cutting(self, time_s: float) -> bool:
        """True for two seconds, and some pictures, after a look has replaced another at once.

        Meanwhile the picture on screen stays until all shaders of the new look are ready: its
        layers alone, or with the shader of the old look, belong to neither look."""
        return time_s - self._cut_s < CUT_S or self._frames - self._cut_frame < CUT_FRAMES

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
        is_building = any(
            slot + suffix in building
            for slot, suffix in self._suffixes.items()
            if slot != fx.TRANSITION
        )
        self._held_frames = self._held_frames + 1 if is_building or self._is_testing(values) else 0
        self._crossfade.hold(0 < self._held_frames < HELD_FRAMES)

    def _is_testing(self, values: Mapping[str, Any]) -> bool:
        for slot in fx.LOOK_SLOTS:
            chosen = values[fx.file_address(slot)]
            now = self._now.get(slot)
            if not chosen or not values[fx.enable_address(slot)] or slot in self._bypass.slots:
                continue
            if self._failed.get(slot) != chosen and (now is None or now.key != _key(chosen)):
                return True
        return False

    def _playing(
        self, values: Mapping[str, Any], snapshot: Snapshot, moved: Mapping[str, float]
    ) -> tuple[ShaderSlot, ...]:
        playing = []
        raised: list[str] = []
        for slot in fx.SLOTS:
            shader = self._now.get(slot)
            is_on = values[fx.enable_address(slot)]
            if is_on and not self._enabled.get(slot, True):
                self._slow.begin_anew(slot, shader)
            self._enabled[slot] = is_on
            if shader is None or not is_on:
                continue
            chosen = fx.chosen_file(slot, values)
            is_tested = shader.key != _key(chosen) and self._failed.get(slot) != chosen
            if is_tested:  # the newly chosen one is not ready
                if slot in self._last and slot != fx.TRANSITION:
                    playing.append(self._last[slot])
                continue
            now = slot_of(
                slot,
                shader,
                values,
                snapshot,
                moved,
                clock=self.clock,
                quality=self._slow.quality_of(shader),
            )
            events = {
                each.name: self._has_fired(each, now.inputs[each.name], snapshot, raised)
                for each in _events(shader)
            }
            self._last[slot] = replace(now, inputs={**now.inputs, **dict.fromkeys(events, False)})
            playing.append(
                replace(now, inputs={**now.inputs, **events})
                if any(events.values())
                else self._last[slot]
            )
        if raised:  # released, unless somebody has set them since
            params = [osc_schema.lookup(alias) for alias in raised]
            released = [(param, 0.0) for param in params if param is not None]
            self._store.glide(released, by="fx", since=snapshot.version)
        return tuple(playing)

    def _outgoing_shaders(
        self, before: Snapshot, values: Mapping[str, Any]
    ) -> dict[str, ShaderSlot]:
        """The shaders of the look that is dissolved, without events."""
        slots = {}
        for slot in fx.LOOK_SLOTS:
            shader = self._chosen(slot, before[fx.file_address(slot)])
            if shader is not None and before[fx.enable_address(slot)]:
                old = slot_of(
                    slot,
                    shader,
                    values,
                    before,
                    {},
                    clock=self.clock,
                    quality=self._slow.quality_of(shader),
                )
                slots[slot] = replace(
                    old, inputs={**old.inputs, **{each.name: False for each in _events(shader)}}
                )
        return slots

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
        own = {slot + suffix: slot for slot, suffix in self._suffixes.items() if slot in self._now}
        self.draw_ms = draw_ms = {own[name]: ms for name, ms in costs_ms.items() if name in own}
        over = {own[name] for name in overruns if name in own}
        self.holds_up_fade = any(name not in own for name in overruns)
        period_ms = period_s * 1000.0
        slow = self._slow.count(draw_ms, period_ms, over)
        if is_offline:
            return []

        def smaller(slot: str, ms: float) -> float | None:
            return self._slow.smaller(self._now[slot], ms, period_ms)

        if slow or len(draw_ms) < len(costs_ms):  # in a dissolve the other look takes time, too
            return [
                SlowShader(
                    slot=slot,
                    draw_ms=(ms := draw_ms[slot]),
                    quality=None if slot in over else smaller(slot, ms),
                )
                for slot in slow
            ]
        return self._slow.count_picture(picture_ms, period_ms, draw_ms, self._now)

    def shader_at(self, render_slot: str) -> PlayingShader | None:
        """The shader that plays in this render slot; None for one of an outgoing look."""
        slot = render_slot.removesuffix(SECOND_SUFFIX)
        return self._now.get(slot) if render_slot == slot + self._suffixes.get(slot, "") else None

    def _chosen(self, slot: str, name: object) -> PlayingShader | None:
        return self._cached_shaders.get((slot, _key(str(name)))) if name else None

    def _has_fired(
        self, each: ShaderInput, value: InputValue, snapshot: Snapshot, raised: list[str]
    ) -> bool:
        """True in one frame for each press of an event, by a sender or by modulation."""
        (alias,) = each.aliases
        was_up = self._pressed.get(each.address, False)
        is_up = bool(value)
        is_set = snapshot.number(alias) >= ON_FROM
        if is_set:
            raised.append(alias)
        self._pressed[each.address] = (
            is_up and not is_set
        )  # reset in this frame: if it is up again, that is a press
        return is_up and not was_up


def prepared_slot(slot: str, file: IsfFile) -> ShaderSlot:
    """The slot of a shader that is not yet on screen, with the default of each input."""
    inputs = {each.name: each.value_at(each.default) for each in inputs_of(slot, file.inputs)[0]}
    return ShaderSlot(slot=slot, file=file, inputs=inputs, mix=1.0)


def is_same(before: Mapping[str, ShaderSlot], now: Mapping[str, ShaderSlot]) -> bool:
    """True if two looks have the same shaders in the same slots, and any. Pure."""
    return (
        bool(now)
        and before.keys() == now.keys()
        and all(before[slot].file is now[slot].file for slot in now)
    )


def morph_shaders(
    before: Mapping[str, ShaderSlot],
    now: Mapping[str, ShaderSlot],
    fraction: float,
    suffixes: Mapping[str, str],
) -> tuple[ShaderSlot, ...]:
    """Interpolate the inputs of the shaders that two looks have in common; `fraction` of the second
    look. Pure.

    `suffixes`: the suffix of each slot's render slot."""
    result = []
    for slot, new in now.items():
        old = before[slot]
        mixed = {
            each.name: _interpolate(old.inputs[each.name], new.inputs[each.name], fraction)
            for each in new.file.inputs
            if _is_mixed(each) and each.name in old.inputs and each.name in new.inputs
        }
        mix = old.mix + (new.mix - old.mix) * fraction
        result.append(
            replace(
                new,
                slot=slot + suffixes[slot],
                inputs={**new.inputs, **mixed},
                mix=mix,
                is_shared=True,
            )
        )
    return tuple(result)


def dissolve_shaders(
    before: Mapping[str, ShaderSlot], now: Mapping[str, ShaderSlot], suffixes: Mapping[str, str]
) -> tuple[ShaderSlot, ...]:
    """List the shaders of two looks in the order of the slots. Pure.

    `suffixes`: the suffix of each render slot of the second look, or of the only look that has a
    shader there."""
    result = []
    for slot in fx.LOOK_SLOTS:
        old, new = before.get(slot), now.get(slot)
        if old is not None:
            suffix = suffixes[slot] if new is None else _other_suffix(suffixes[slot])
            result.append(replace(old, slot=slot + suffix, is_outgoing=True))
        if new is not None:
            result.append(replace(new, slot=slot + suffixes[slot]))
    return tuple(result)


def _choice_addresses(slot: str) -> tuple[str, str]:
    """The addresses that choose a slot's shader: its switch and its file."""
    return fx.enable_address(slot), fx.file_address(slot)


def _other_suffix(suffix: str) -> str:
    return "" if suffix else SECOND_SUFFIX


def slot_of(
    slot: str,
    shader: PlayingShader,
    values: Mapping[str, Any],
    snapshot: Snapshot,
    moved: Mapping[str, float],
    *,
    clock: tuple[float, float],
    quality: float = 1.0,
) -> ShaderSlot:
    """The slot of a shader that plays with these values; arguments as of `ShaderPlayer.shaders`.
    `quality`: factor."""
    inputs: dict[str, InputValue] = {}
    for each in shader.inputs:
        if _is_mixed(each):
            positions = [values[alias] for alias in each.aliases]
        else:
            positions = [moved.get(alias, snapshot.number(alias)) for alias in each.aliases]
        inputs[each.name] = each.value_at(positions)
    own = [
        each.name
        for each in shader.file.inputs
        if each.type == "color" and each.name in fx.PALETTE_INPUTS
    ]
    if own:
        colours = shader_colours(item_weights(values["/colour/palette"]), values["/colour/shift"])
        inputs.update((name, colours[fx.PALETTE_INPUTS.index(name)]) for name in own)
    for fed in shader.file.inputs:
        if fed.type == "float" and fed.name in (fx.BEATS, fx.BPM):
            inputs[fed.name] = clock[fed.name == fx.BPM]
        elif fed.type == "float" and fed.name == fx.QUALITY:
            value = inputs.get(fed.name, fed.default)
            assert isinstance(value, float) and isinstance(fed.minimum, float)
            inputs[fed.name] = max(
                fed.minimum, round(16.0 * value * quality) / 16.0
            )  # each value allocates targets
    return ShaderSlot(
        slot=slot, file=shader.file, inputs=inputs, mix=values.get(f"/fx/{slot}/mix", 0.0)
    )


def _interpolate(old: Any, new: Any, fraction: float) -> InputValue:
    if isinstance(new, tuple):
        return tuple(a + (b - a) * fraction for a, b in zip(old, new, strict=True))
    return float(old + (new - old) * fraction)


def _is_mixed(each: ShaderInput | IsfInput) -> bool:
    """True if an input takes values in between; each value of `quality` allocates other
    textures."""
    return each.type in _MIXED and each.name != fx.QUALITY


def _events(shader: PlayingShader) -> list[ShaderInput]:
    return [each for each in shader.inputs if each.type == "event"]


def _key(name: str) -> str:
    return name.casefold()
