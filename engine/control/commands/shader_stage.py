"""The shaders of each frame: which ones play, with which values. Render thread, except where noted.

    ShaderControl ─ play(slot, shader) ─► the next frame that has its values ─► shaders(values) ─► renderer

A shader that is chosen is not ready yet: the last one plays on, with the values that it had, because the new ones in
the same preset are not meant for it. If the new one fails, the last one follows its aliases again. When a whole look
replaces another at once, the picture on screen stays until its shaders are ready.

Numbers that an input cannot mix, switches and menus, are not smoothed. While one look dissolves into another, each has
its own shaders, so a slot has two places in the renderer, `1` and `1-`: the old shader keeps its place, where it is
compiled. If both looks have the same shaders in all slots, each plays on once, and its inputs move.

A shader that is bypassed leaves in a dissolve: the picture on screen is held and becomes what is shown in its place
(`params/bypass.py`). It is tried again, and comes back in a dissolve, when its slot is switched on or its file is
chosen, also to what they are.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import osc_schema
from engine.params import ParamStore, Snapshot
from engine.params.crossfade import Crossfade, PictureFade
from engine.params.shader_inputs import ON_FROM, InputValue, ShaderInput, inputs_of
from engine.render.colour import shader_colours
from engine.render.isf.isf_file import OTHER_PLACE, IsfFile, ShaderSlot
from engine.values import item_shares
from osc_schema.fx import ALIASES, PALETTE_INPUTS, SLOTS, alias_address, enable_address, file_address

MAX_SHARE: Final = 0.5  # of a frame's time, for one shader; two of them leave nothing for the picture
MAX_SLOW_FRAMES: Final = 15  # a quarter of a second at 60 fps: one slow frame may be the system's
MAX_HELD_UP_MS: Final = 500.0
UNMEASURED_FRAMES: Final = 5  # at the start a driver still compiles
BYPASS_S: Final = 0.5  # of the dissolves to the fallback and back
CUT_S: Final = 2.0  # at most, from a new look until its shaders are ready
KEPT_SHADERS: Final = 32  # that leaving looks may need
_MIXED: Final = ("float", "point2D", "color")

Jump = Callable[[Snapshot, Iterable[str]], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayingShader:
    name: str
    """As in /fx/<slot>/file."""
    file: IsfFile
    inputs: tuple[ShaderInput, ...]
    version: int
    """Version of the store from which on the aliases are meant for it."""


class SlowShaders:
    """Decides which shader takes too long. Pure.

    One slow frame may be the system's, so there must be several in a row: fifteen, or fewer if together they have held
    up the picture for half a second.
    """

    def __init__(self) -> None:
        self._frames: dict[str, int] = {}
        self._slow_ms: dict[str, list[float]] = {}

    def begin(self, slot: str) -> None:
        """Another shader plays in the slot, or it has been switched on again."""
        self._frames[slot] = 0
        self._slow_ms[slot] = []

    def add(self, slot: str, draw_ms: float, period_ms: float) -> bool:
        """Count a frame; True if the shader must be bypassed."""
        self._frames[slot] = self._frames.get(slot, 0) + 1
        is_measured = self._frames[slot] > UNMEASURED_FRAMES or draw_ms > MAX_HELD_UP_MS
        slow_ms = self._slow_ms.setdefault(slot, [])
        if not (is_measured and draw_ms > MAX_SHARE * period_ms):
            slow_ms.clear()
            return False
        slow_ms.append(draw_ms)
        return len(slow_ms) >= MAX_SLOW_FRAMES or (len(slow_ms) > 1 and sum(slow_ms) > MAX_HELD_UP_MS)


class ShaderStage:
    def __init__(self, store: ParamStore, crossfade: Crossfade) -> None:
        self._store = store
        self._crossfade = crossfade
        self._bypass = crossfade.bypass
        self._tried: dict[str, int] = {}
        """By bypassed slot, how often it had been asked for."""
        self._next: dict[str, PlayingShader] = {}
        self._now: dict[str, PlayingShader] = {}
        self._kept: dict[tuple[str, str], PlayingShader] = {}
        self._failed: dict[str, str] = {}
        """Name of the file that has failed in a slot, so that the last good shader plays on."""
        self._last: dict[str, ShaderSlot] = {}
        self._pressed: dict[str, bool] = {}
        self._enabled: dict[str, object] = {}
        self._places = dict.fromkeys(SLOTS, "")
        self._turned: dict[str, Snapshot] = {}
        """By slot, the old look of the last dissolve for which the place was changed."""
        self._old: Snapshot | None = None
        """The old look of the last dissolve."""
        self._returns = 0
        self._slow = SlowShaders()
        self._cuts: int | None = None
        self._cut_s = -CUT_S
        self._awaits_tests = False
        self.holds_up_fade = False
        """True if a shader of the old look was given up in the newest frame."""
        self.coming: tuple[ShaderSlot, ...] = ()
        """Shaders of a look that waits for its beat, for the renderer to compile. Set on any thread."""
        self.draw_ms: Mapping[str, float] = {}
        """Milliseconds of drawing each slot in the newest frame. Any thread."""

    # -- any thread ----------------------------------------------------------------------------

    def play(self, slot: str, shader: PlayingShader) -> None:
        """Play it from the next frame on whose values are meant for it."""
        self._next[slot] = shader

    def keep_last(self, slot: str, failed: str) -> None:
        """The file of that name has failed: the last good shader follows its aliases again."""
        self._failed[slot] = failed

    def alias_of(self, target: str, values: Mapping[str, Any]) -> str:
        """The alias of an input by its name, of the shader that these values choose; "" if there is none, or several.
        Render thread."""
        slot = target.split("/")[2]
        shader = self._chosen(slot, values[file_address(slot)]) or self._now.get(slot)
        for each in shader.inputs if shader is not None else ():
            if each.address == target and len(each.aliases) == 1:
                return each.aliases[0]
        return ""

    # -- the render thread ---------------------------------------------------------------

    def bypass(self, slots: Iterable[str]) -> list[str]:
        """Draw no shader in these slots from the next frame on. Returns those that were not bypassed yet."""
        new = [slot for slot in slots if slot in self._now and slot not in self._bypass.slots]
        if new:
            self._crossfade.hold(BYPASS_S)
        for slot in new:
            self._tried[slot] = self._store.times_asked(_asks(slot))
            self._bypass.begin(slot)
        return new

    def bring_back(self) -> list[str]:
        """Draw the bypassed slots again that have another shader or are to be tried. Call it before a frame's values
        are read. Returns those that play the same shader again."""
        snapshot = self._store.snapshot()
        again, other = [], []
        for slot in self._bypass.slots:
            coming, now = self._next.get(slot), self._now[slot]
            if coming is not None and coming.version <= snapshot.version:
                other.append(slot)
            elif (
                self._store.times_asked(_asks(slot)) != self._tried[slot]
                and snapshot[enable_address(slot)]
                and _key(now.name) == _key(str(snapshot[file_address(slot)]))
            ):
                again.append(slot)
        if again or other:
            self._crossfade.dissolve(BYPASS_S)
        for slot in (*again, *other):
            self._bypass.end(slot)
            self._slow.begin(slot)
        return again

    def _turn_back(self, snapshot: Snapshot) -> None:
        """Let the shaders of the look that began to leave play on in their places."""
        self._returns = self._crossfade.returns
        for slot in SLOTS:
            shader = self._chosen(slot, snapshot[file_address(slot)])
            if shader is not None and slot not in self._bypass.slots:
                self._now[slot] = shader
            if self._turned.pop(slot, None) is self._old is not None:
                self._places[slot] = _other(self._places[slot])

    def follow(self, snapshot: Snapshot, jump: Jump) -> None:
        """Take over the shaders that are ready. `jump(snapshot, addresses)`: show these values without a glide."""
        if self._crossfade.returns != self._returns:
            self._turn_back(snapshot)
        for slot, shader in list(self._next.items()):
            if shader.version > snapshot.version or slot in self._bypass.slots:
                continue
            if self._next.get(slot) is shader:
                del self._next[slot]
            self._now[slot] = shader
            self._kept[slot, _key(shader.name)] = shader
            while len(self._kept) > KEPT_SHADERS:
                del self._kept[next(iter(self._kept))]
            self._failed.pop(slot, None)
            self._slow.begin(slot)
            for each in shader.inputs:  # a switch that is on at the start is no event
                self._pressed[each.address] = snapshot.number(each.aliases[0]) >= ON_FROM
            jump(snapshot, [alias_address(slot, number) for number in ALIASES])
        for slot in SLOTS:
            if not snapshot[file_address(slot)]:
                self._now.pop(slot, None)
                self._last.pop(slot, None)
                self._bypass.end(slot)

    def shaders(
        self,
        values: Mapping[str, Any],
        snapshot: Snapshot,
        moved: Mapping[str, float],
        fade: PictureFade | None = None,
        leaving: Mapping[str, Any] | None = None,
    ) -> tuple[ShaderSlot, ...]:
        """The shaders to draw, in order. `values`: smoothed and modulated; `moved`: the modulated ones alone.

        `fade`: the running dissolve; `leaving`: the old look's values, if it still moves.
        """
        now = {each.slot: each for each in self._playing(values, snapshot, moved)}
        if fade is None:
            return tuple(replace(each, slot=slot + self._places[slot]) for slot, each in now.items())
        self._old = fade.before
        before = self._leaving(fade.before, fade.before if leaving is None else leaving)
        if leaving is not None and is_same(before, now):
            return morphed(before, now, fade.share, self._places)
        for slot in now.keys() & before.keys():
            # A still has its shaders in it: one that plays on can stay in its place.
            is_going_on = leaving is None and before[slot].file is now[slot].file
            if self._turned.get(slot) is not fade.before and not is_going_on:
                self._turned[slot] = fade.before
                self._places[slot] = _other(self._places[slot])
        return dissolving({} if leaving is None else before, now, self._places)

    def is_cutting(self, time_s: float) -> bool:
        """True for two seconds after a look has replaced another at once.

        Meanwhile the picture on screen stays until all its shaders are ready: its layers alone, or the shader of the
        old look, belong to neither.
        """
        cuts = self._crossfade.cuts
        if self._cuts is not None and cuts != self._cuts:
            self._cut_s, self._awaits_tests = time_s, True
        self._cuts = cuts
        return time_s - self._cut_s < CUT_S

    def awaits_tests(self, values: Mapping[str, Any], time_s: float) -> bool:
        """True from then on while a shader of the new look is being tested, but not for one that is chosen later."""
        is_cutting = self.is_cutting(time_s)
        self._awaits_tests = self._awaits_tests and is_cutting and self._is_testing(values)
        return self._awaits_tests

    def _is_testing(self, values: Mapping[str, Any]) -> bool:
        for slot in SLOTS:
            wanted, now = values[file_address(slot)], self._now.get(slot)
            if not wanted or not values[enable_address(slot)] or slot in self._bypass.slots:
                continue
            if self._failed.get(slot) != wanted and (now is None or _key(now.name) != _key(wanted)):
                return True
        return False

    def _playing(
        self, values: Mapping[str, Any], snapshot: Snapshot, moved: Mapping[str, float]
    ) -> tuple[ShaderSlot, ...]:
        drawn = []
        raised: list[str] = []
        for slot in SLOTS:
            shader, is_on = self._now.get(slot), values[enable_address(slot)]
            if is_on and not self._enabled.get(slot, True):
                self._slow.begin(slot)
            self._enabled[slot] = is_on
            if shader is None or not is_on:
                continue
            wanted = values[file_address(slot)]
            is_tested = _key(shader.name) != _key(wanted) and self._failed.get(slot) != wanted
            if is_tested:  # the newly chosen one is not ready
                if slot in self._last:
                    drawn.append(self._last[slot])
                continue
            now = _slot(slot, shader, values, snapshot, moved)
            events = {
                each.name: self._has_fired(each, now.inputs[each.name], snapshot, raised) for each in _events(shader)
            }
            self._last[slot] = replace(now, inputs={**now.inputs, **dict.fromkeys(events, False)})
            drawn.append(replace(now, inputs={**now.inputs, **events}) if any(events.values()) else self._last[slot])
        if raised:  # released, unless somebody has set them since
            params = [osc_schema.lookup(alias) for alias in raised]
            released = [(param, 0.0) for param in params if param is not None]
            self._store.glide(released, by="fx", since=snapshot.version)
        return tuple(drawn)

    def _leaving(self, before: Snapshot, values: Mapping[str, Any]) -> dict[str, ShaderSlot]:
        """The shaders of the look that dissolves, without events."""
        leaving = {}
        for slot in SLOTS:
            shader = self._chosen(slot, before[file_address(slot)])
            if shader is not None and before[enable_address(slot)]:
                old = _slot(slot, shader, values, before, {})
                leaving[slot] = replace(old, inputs={**old.inputs, **{each.name: False for each in _events(shader)}})
        return leaving

    def measured(
        self, costs_ms: Mapping[str, float], period_s: float, overruns: Iterable[str] = ()
    ) -> list[tuple[str, float]]:
        """Take the drawing times of a frame, by place; the slots that must be bypassed, with the milliseconds.

        `overruns`: places that the renderer gave up in the middle of the picture. Those of an old look that dissolves
        bypass nothing: `holds_up_fade`.
        """
        own = {slot + place: slot for slot, place in self._places.items() if slot in self._now}
        self.draw_ms = draw_ms = {own[place]: ms for place, ms in costs_ms.items() if place in own}
        over = {own[place] for place in overruns if place in own}
        self.holds_up_fade = any(place not in own for place in overruns)
        slow = [slot for slot, ms in draw_ms.items() if self._slow.add(slot, ms, period_s * 1000.0) or slot in over]
        for slot in slow:
            self._slow.begin(slot)
        return [(slot, draw_ms[slot]) for slot in slow]

    def shader_at(self, place: str) -> PlayingShader | None:
        """The shader that plays in this place, unless it is that of a leaving look."""
        slot = place.removesuffix(OTHER_PLACE)
        return self._now.get(slot) if place == slot + self._places.get(slot, "") else None

    def _chosen(self, slot: str, name: object) -> PlayingShader | None:
        return self._kept.get((slot, _key(str(name)))) if name else None

    def _has_fired(self, each: ShaderInput, value: InputValue, snapshot: Snapshot, raised: list[str]) -> bool:
        """True in one frame for each press of an event, by a sender or by modulation."""
        (alias,) = each.aliases
        was_up, is_up = self._pressed.get(each.address, False), bool(value)
        is_set = snapshot.number(alias) >= ON_FROM
        if is_set:
            raised.append(alias)
        self._pressed[each.address] = is_up and not is_set  # set back in this frame: if it is up again, that is a press
        return is_up and not was_up


def coming_slot(slot: str, file: IsfFile) -> ShaderSlot:
    """A shader that is not yet on screen, with the defaults of its inputs."""
    inputs = {each.name: each.value_at(each.default) for each in inputs_of(slot, file.inputs)[0]}
    return ShaderSlot(slot=slot, file=file, inputs=inputs, mix=1.0)


def is_same(before: Mapping[str, ShaderSlot], now: Mapping[str, ShaderSlot]) -> bool:
    """True if two looks have the same shaders in the same slots, and any. Pure."""
    return bool(now) and before.keys() == now.keys() and all(before[slot].file is now[slot].file for slot in now)


def morphed(
    before: Mapping[str, ShaderSlot], now: Mapping[str, ShaderSlot], share: float, places: Mapping[str, str]
) -> tuple[ShaderSlot, ...]:
    """The shaders that two looks have in common, with inputs between those of both; `share` of the second. Pure.

    `places`: the suffix of each slot's place.
    """
    drawn = []
    for slot, new in now.items():
        old = before[slot]
        mixed = {
            each.name: _between(old.inputs[each.name], new.inputs[each.name], share)
            for each in new.file.inputs
            if each.type in _MIXED and each.name in old.inputs and each.name in new.inputs
        }
        mix = old.mix + (new.mix - old.mix) * share
        drawn.append(replace(new, slot=slot + places[slot], inputs={**new.inputs, **mixed}, mix=mix, is_shared=True))
    return tuple(drawn)


def dissolving(
    before: Mapping[str, ShaderSlot], now: Mapping[str, ShaderSlot], places: Mapping[str, str]
) -> tuple[ShaderSlot, ...]:
    """The shaders of two looks as one list, in the order of the slots. Pure.

    `places`: the suffix of each slot's place for the second look, or for the only one that has a shader there.
    """
    drawn = []
    for slot in SLOTS:
        old, new = before.get(slot), now.get(slot)
        if old is not None:
            place = places[slot] if new is None else _other(places[slot])
            drawn.append(replace(old, slot=slot + place, is_leaving=True))
        if new is not None:
            drawn.append(replace(new, slot=slot + places[slot]))
    return tuple(drawn)


def _asks(slot: str) -> tuple[str, str]:
    """The switches and texts that ask for a shader."""
    return enable_address(slot), file_address(slot)


def _other(place: str) -> str:
    return "" if place else OTHER_PLACE


def _slot(
    slot: str, shader: PlayingShader, values: Mapping[str, Any], snapshot: Snapshot, moved: Mapping[str, float]
) -> ShaderSlot:
    inputs: dict[str, InputValue] = {}
    for each in shader.inputs:
        if each.type in _MIXED:
            positions = [values[alias] for alias in each.aliases]
        else:
            positions = [moved.get(alias, snapshot.number(alias)) for alias in each.aliases]
        inputs[each.name] = each.value_at(positions)
    own = [each.name for each in shader.file.inputs if each.type == "color" and each.name in PALETTE_INPUTS]
    if own:
        colours = shader_colours(item_shares(values["/colour/palette"]), values["/colour/shift"])
        inputs.update((name, colours[PALETTE_INPUTS.index(name)]) for name in own)
    return ShaderSlot(slot=slot, file=shader.file, inputs=inputs, mix=values[f"/fx/{slot}/mix"])


def _between(old: Any, new: Any, share: float) -> InputValue:
    if isinstance(new, tuple):
        return tuple(a + (b - a) * share for a, b in zip(old, new, strict=True))
    return float(old + (new - old) * share)


def _events(shader: PlayingShader) -> list[ShaderInput]:
    return [each for each in shader.inputs if each.type == "event"]


def _key(name: str) -> str:
    return name.casefold()
