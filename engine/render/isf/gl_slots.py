"""The shader slots of a picture: a generator over it, then four effects, each mixed with what was
drawn before.

A new file is built in steps, one per frame, while the slot still plays its old one: compile and
link, then one pixel of each pass, since drivers finish compiling at the first draw. The vetting
process has compiled the same text before, and drivers keep compiled shaders on the disk, so a step
takes milliseconds, not seconds (docs/reference/isf.md).

Frame: `begin`, then for each look `draw_generator` (before the pass, if layer 5 or another shader
shows it) and `draw`.
"""

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import moderngl
import numpy as np

from engine.errors import IsfError
from engine.render.gl_textures import Target, release_all
from engine.render.graphic import Graphic
from engine.render.isf import isf_file
from engine.render.isf.clocks import LIMIT_S, DateAt, DrawClock, OverrunError, date_live, isf_date
from engine.render.isf.gl_images import SoundImages, unbind
from engine.render.isf.gl_sources import SourceImages
from engine.render.isf.program import EFFECT, OVER, Canvas, IsfProgram, ShaderTime, copy_file
from engine.render.masks import SourceMaps
from engine.system.translate_errors import translate_errors
from osc_schema.fx import PROGRESS

log = logging.getLogger(__name__)

# targets: the one drawn into, the one read, two finished pictures of looks that dissolve, and the
# last one
RING = 5
one_slot_fails = partial(
    translate_errors, {Exception: "the GL driver refuses to draw it"}, as_=IsfError
)
"""Context in which whatever the driver or moderngl raises is an error of the slot: the renderer
draws on."""
_SOURCE_INPUTS = (isf_file.SOURCE_IMAGE, isf_file.START_IMAGE)


class SlotChain:
    """Draws the shader slots of one renderer. Render thread, context current; `state` any
    thread."""

    def __init__(
        self,
        context: moderngl.Context,
        wait: Callable[[], None],
        *,
        is_software: bool,
        dtype: str = "f1",
        date_at: DateAt = date_live,
    ) -> None:
        """wait: Waits for the GPU without the GIL. dtype: Of the targets, "f1" or "f2". date_at:
        Source of DATE."""
        self._context = context
        self._wait = wait
        self._is_software = is_software
        self._dtype = dtype
        self._date_at = date_at
        self._builds_at_once = date_at is not date_live  # offline a file is built within a picture
        self._slots: dict[str, _SlotPlayer] = {}
        self._ready: dict[str, _SlotPlayer] = {}
        """Shaders that are built, but not played yet."""
        self._playing: tuple[isf_file.ShaderSlot, ...] = ()
        self._ring: list[Target] = []
        self._black: Target | None = None
        self._generated: dict[str, Target] = {}
        """Pictures of the generators over black, by slot."""
        self._drawn_generators: set[str] = set()
        """Slots in `_generated` that are up to date."""
        self._copy: IsfProgram | None = None
        self._size_px = (0, 0)
        self._in_use: Collection[Target] = ()
        self._sound = SoundImages(context)
        self._sources = SourceImages(context)
        self._clock = DrawClock(math.inf if self._builds_at_once else LIMIT_S)
        self._date = (2000.0, 1.0, 1.0, 0.0)
        self.state = isf_file.ShaderState()
        """State of the last picture; replaced as a whole. Any thread."""
        self.is_incomplete = False
        """True if this picture must not be shown: a shader was aborted, failed, or is not built yet
        after a cut."""

    def begin(
        self,
        slots: Sequence[isf_file.ShaderSlot],
        waves: np.ndarray,
        time_s: float,
        size_px: tuple[int, int],
        in_use: Collection[Target] = (),
        *,
        is_cutting: bool = False,
        upcoming: Sequence[isf_file.ShaderSlot] = (),
        source: SourceMaps | None = None,
        graphics: Sequence[Graphic] = (),
    ) -> None:
        """Prepare a picture of this size: read the last one's costs, and do one step of building a
        new file.

        waves: (4, 1024) float32. time_s: Due time of the picture. in_use: Earlier pictures that are
        still needed. is_cutting: The picture is incomplete while a file is built. upcoming: Shaders
        that will play later; each is built when nothing else is, and then plays at once. source,
        graphics: For shaders that read them."""
        self.is_incomplete = False
        if not slots and not upcoming and not self._slots and not self._ready:
            return
        self._in_use = in_use
        self._playing = tuple(slots)
        self._drawn_generators = set()
        self._clock.begin()
        self._sound.follow(waves)
        names = {name for each in slots for name in each.file.source_maps}
        self._sources.follow(source, time_s, names, graphics, size_px)
        self._date = isf_date(self._date_at(time_s))
        if size_px != self._size_px:
            self._release_targets()
            self._size_px = size_px
        costs_ms = {name: slot.read_cost_ms() for name, slot in self._slots.items()}
        overruns = frozenset(name for name, slot in self._slots.items() if slot.has_overrun)
        for name in self._slots.keys() - {each.slot for each in slots}:
            self._slots[name].pause()
        may_build = True
        for shader in self._playing:
            slot = self._slots.setdefault(shader.slot, _SlotPlayer())
            slot.follow(shader, time_s)
            for ready in self._ready.values():
                if slot.is_building:
                    slot.take_over(ready)
            while may_build and slot.is_building:
                may_build = self._builds_at_once
                self._build(slot)
        for shader in upcoming:
            ready = self._ready.setdefault(shader.slot, _SlotPlayer())
            ready.follow(shader, time_s)
            while may_build and ready.is_building:
                may_build = self._builds_at_once
                self._build(ready)
        for name in self._ready.keys() - {shader.slot for shader in upcoming}:
            self._ready.pop(name).release()
        self.is_incomplete = is_cutting and any(
            self._slots[each.slot].is_building for each in self._slots_of(False)
        )
        self.state = isf_file.ShaderState(
            costs_ms={name: cost_ms for name, cost_ms in costs_ms.items() if cost_ms is not None},
            failures={name: slot.failure for name, slot in self._slots.items() if slot.failure},
            overruns=overruns,
            building=frozenset(
                each.slot for each in self._playing if self._slots[each.slot].is_building
            ),
            missing=frozenset(
                name for name, slot in self._slots.items() if slot.failure and slot.program is None
            ),
        )

    def draw_generator(self, *, is_outgoing: bool = False) -> Target | None:
        """Draw the generator over black, for layer 5; None if the look has none. Drawn once per
        picture.

        is_outgoing: In a dissolve, draw that of the outgoing look, else that of the incoming
        one."""
        shader = next((each for each in self._slots_of(is_outgoing) if each.is_generator), None)
        slot = self._slots.get(shader.slot) if shader is not None else None
        if shader is None or slot is None or slot.program is None:
            return None
        if shader.slot not in self._drawn_generators:
            into = self._generated.get(shader.slot) or Target(
                self._context, self._size_px, dtype=self._dtype
            )
            self._generated[shader.slot] = into
            black = self._black_target()
            canvas = self._canvas(into, black, EFFECT, 1.0, is_luma=False)
            if not self._draw_slot(
                slot, shader, canvas, self._images(slot.program.file, black, black, None)
            ):
                return None
            self._drawn_generators.add(shader.slot)
        return self._generated[shader.slot]

    def plays(self, *, is_outgoing: bool = False) -> bool:
        """Return True if this look has shaders. is_outgoing: In a dissolve, ask for the outgoing
        look."""
        return bool(self._slots_of(is_outgoing))

    def _slots_of(self, is_outgoing: bool) -> list[isf_file.ShaderSlot]:
        of_looks = (each for each in self._playing if not each.is_transition)
        return [each for each in of_looks if each.is_shared or each.is_outgoing is is_outgoing]

    def draw(
        self, look: Target, *, is_luma: bool, is_outgoing: bool, in_use: Collection[Target] = ()
    ) -> Target:
        """Draw all slots of a look over its picture; returns `look` itself if none plays.

        The result is valid until the next call without it in `in_use`. is_luma: Alpha becomes the
        largest of red, green and blue; otherwise 1. is_outgoing: As in `plays`."""
        beneath = look
        playing = self._slots_of(is_outgoing)
        if is_luma and playing:
            look.texture.swizzle = (
                "RGB1"  # a shader that keeps its input's alpha would darken the picture
            )
        generated = None
        if any(map(self._reads_other_images, playing)):
            generated = self.draw_generator(is_outgoing=is_outgoing)
        for shader in sorted(playing, key=_order):
            slot = self._slots[shader.slot]
            if slot.program is None or shader.mix <= 0:
                continue
            into = self._free_target({beneath, *in_use})
            canvas = self._canvas(
                into, beneath, OVER if shader.is_generator else EFFECT, shader.mix, is_luma=is_luma
            )
            if shader.slot in self._drawn_generators:
                self._copy_generated(canvas, self._generated[shader.slot])
            elif not self._draw_slot(
                slot, shader, canvas, self._images(slot.program.file, beneath, look, generated)
            ):
                continue
            beneath = into
        if is_luma and playing:
            look.texture.swizzle = "RGBA"
        return beneath

    def draw_transition(
        self, outgoing: Target, incoming: Target, progress: float, into: Target, *, is_luma: bool
    ) -> bool:
        """Draw the transition between two finished pictures. Returns False if none plays or it
        fails; then the caller mixes them in its place."""
        shader = next((each for each in self._playing if each.is_transition), None)
        slot = self._slots.get(shader.slot) if shader is not None else None
        if shader is None or slot is None or slot.program is None:
            return False
        others = self._images(slot.program.file, outgoing, incoming, None)

        def image(name: str) -> moderngl.Texture:
            return incoming.texture if name == isf_file.END_IMAGE else others(name)

        was_incomplete = self.is_incomplete
        for each in (outgoing, incoming) if is_luma else ():
            each.texture.swizzle = "RGB1"  # as in `draw`
        inputs = shader.inputs if slot.program.file is shader.file else slot.last_inputs
        now = replace(shader, file=slot.program.file, inputs={**inputs, PROGRESS: progress})
        succeeded = self._draw_slot(
            slot, now, self._canvas(into, outgoing, EFFECT, 1.0, is_luma=is_luma), image
        )
        for each in (outgoing, incoming) if is_luma else ():
            each.texture.swizzle = "RGBA"
        self.is_incomplete = was_incomplete
        return succeeded

    def release(self) -> None:
        release_all(
            *self._slots.values(), *self._ready.values(), self._sound, self._sources, self._copy
        )
        self._slots.clear()
        self._ready.clear()
        self._copy = None
        self._release_targets()

    def _draw_slot(
        self,
        slot: "_SlotPlayer",
        shader: isf_file.ShaderSlot,
        canvas: Canvas,
        images: Callable[[str], moderngl.Texture],
    ) -> bool:
        assert slot.program is not None
        if slot.has_overrun:
            return False
        # the old file keeps its last values
        inputs = shader.inputs if slot.program.file is shader.file else {}
        # a colour may have such a name
        maps = {each.name for each in slot.program.file.inputs if each.is_source_map}
        presence = {
            name: is_there for name, is_there in self._sources.presence.items() if name in maps
        }
        values = {**(inputs or slot.last_inputs), **presence}
        began_s = time.perf_counter()
        try:
            with self._clock.running(shader.slot), one_slot_fails():
                if self._is_software:
                    succeeded = slot.program.draw(canvas, values, images, self._time_of(slot))
                    self._wait()
                    slot.cost_ms = (time.perf_counter() - began_s) * 1e3
                else:
                    slot.query = slot.query or self._context.query(time=True)
                    with slot.query:
                        succeeded = slot.program.draw(canvas, values, images, self._time_of(slot))
                    slot.is_timed = True
        except OverrunError:
            slowest = self._clock.slowest
            spent_ms = self._clock.spent_s(slowest) * 1e3
            self._slots[slowest].overrun(spent_ms)
            self.is_incomplete = True
            self.state = replace(
                self.state,
                costs_ms={**self.state.costs_ms, slowest: spent_ms},
                overruns=self.state.overruns | {slowest},
            )
            return False
        except IsfError as error:
            slot.fail_playing(str(error))
            self.is_incomplete = True
            self.state = replace(
                self.state,
                failures={**self.state.failures, shader.slot: slot.failure},
                missing=self.state.missing | {shader.slot},
            )
            return False
        if inputs:
            slot.last_inputs = inputs
        self.is_incomplete |= not succeeded
        return succeeded

    def _time_of(self, slot: "_SlotPlayer") -> ShaderTime:
        return replace(slot.next_time(self._date), history=self._sources.history)

    def _copy_generated(self, canvas: Canvas, generated: Target) -> None:
        """Draw the generator's finished picture over the one beneath."""
        self._copy = self._copy or IsfProgram(self._context, copy_file())
        self._copy.draw(canvas, {}, lambda name: generated.texture, ShaderTime())

    def _build(self, slot: "_SlotPlayer") -> None:
        """Do one step of building the slot's new file."""
        black = self._black_target()
        assert slot.next_file is not None
        try:
            with one_slot_fails():
                if slot.next_program is None:
                    slot.next_program = IsfProgram(
                        self._context,
                        slot.next_file,
                        self._wait,
                        self._clock,
                        waits_for_passes=self._is_software,
                    )
                    return
                kind = OVER if slot.next_file.is_generator else EFFECT
                canvas = self._canvas(
                    self._free_target({black, *self._in_use}), black, kind, 1.0, is_luma=False
                )
                images = self._images(slot.next_file, black, black, None)
                slot.next_program.warm(slot.warmed, canvas, slot.next_inputs, images)
                slot.warmed += 1
                if slot.warmed >= slot.next_program.warm_steps:
                    slot.play_next()
        except IsfError as error:
            slot.fail_next(str(error))

    def _images(
        self, file: isf_file.IsfFile, beneath: Target, source: Target, generated: Target | None
    ) -> Callable[[str], moderngl.Texture]:
        """Return the textures of a shader's image inputs: first the picture so far, then the
        generator's."""
        by_name = {each.name: each for each in file.inputs}
        first = next(
            (each.name for each in file.inputs if each.type == "image" and not each.is_source_map),
            None,
        )

        def texture(name: str) -> moderngl.Texture:
            image_input = by_name[name]
            if image_input.type != "image":
                return self._sound.texture(image_input)
            if image_input.is_source_map:
                return self._sources.texture(name)
            if name in _SOURCE_INPUTS or name == first:
                return beneath.texture
            return (generated or source).texture

        return texture

    def _reads_other_images(self, shader: isf_file.ShaderSlot) -> bool:
        images = [
            each.name
            for each in shader.file.inputs
            if each.type == "image" and not each.is_source_map
        ]
        return not shader.is_generator and shader.mix > 0 and len(images) > 1

    def _canvas(
        self, into: Target, beneath: Target, finish: int, mix: float, *, is_luma: bool
    ) -> Canvas:
        return Canvas(
            framebuffer=into.framebuffer,
            size_px=self._size_px,
            beneath=beneath.texture,
            finish=finish,
            mix=mix,
            is_luma=is_luma,
        )

    def _free_target(self, in_use: Collection[Target]) -> Target:
        for target in self._ring:
            if target not in in_use:
                return target
        self._ring.append(Target(self._context, self._size_px, dtype=self._dtype))
        assert len(self._ring) <= RING
        return self._ring[-1]

    def _black_target(self) -> Target:
        self._black = self._black or Target(self._context, self._size_px, dtype=self._dtype)
        return self._black

    def _release_targets(self) -> None:
        if self._ring or self._black is not None:
            unbind(self._context)
        release_all(*self._ring, self._black, *self._generated.values())
        self._ring = []
        self._black = None
        self._generated = {}


class _SlotPlayer:
    """The shader that a slot plays, and the one being built for it."""

    def __init__(self) -> None:
        self.program: IsfProgram | None = None
        self.next_program: IsfProgram | None = None
        self.next_file: isf_file.IsfFile | None = None
        self.next_inputs: Mapping[str, isf_file.Input] = {}
        self.last_inputs: Mapping[str, isf_file.Input] = {}
        self.warmed = 0
        self.failure = ""
        self.query: moderngl.Query | None = None
        self.is_timed = False
        self.cost_ms: float | None = None
        self.has_overrun = False
        """True if its program was aborted in a picture; it is not drawn until it is switched off or
        replaced."""
        self._failed: isf_file.IsfFile | None = None
        self._began_s = 0.0
        self._time_s = 0.0
        self._before_s: float | None = None
        self._frame = 0
        self._was_drawn = False

    @property
    def is_building(self) -> bool:
        return self.next_file is not None

    def follow(self, shader: isf_file.ShaderSlot, time_s: float) -> None:
        """Store the time, and start building a new file. The old one plays on, unless it belongs to
        an earlier look."""
        was_drawn = self._was_drawn
        if not was_drawn:
            self._before_s = None
        self._time_s = time_s
        self._was_drawn = False
        self.next_inputs = shader.inputs
        playing = self.program.file if self.program is not None else None
        if shader.file in (playing, self._failed):
            if shader.file is playing:
                self._drop_next()
            return
        if shader.file is not self.next_file:
            self._drop_next()
            self.next_file = shader.file
            self.failure = ""
            self._failed = None
            if not was_drawn:
                release_all(self.program)
                self.program = None

    def play_next(self) -> None:
        """Play the new file. A file saved again continues in time, another starts at 0."""
        assert self.next_program is not None and self.next_file is not None
        before = self.program.file.path if self.program is not None else None
        if before is None or before != self.next_file.path:
            self._began_s = self._time_s
            self._before_s = None
            self._frame = 0
        release_all(self.program)
        self.program = self.next_program
        self.next_program = None
        self.next_file = None
        self.warmed = 0
        self.last_inputs = {}
        self.has_overrun = False

    def take_over(self, ready: "_SlotPlayer") -> None:
        """Play the program of another slot if it belongs to the new file."""
        if ready.program is not None and ready.program.file is self.next_file:
            release_all(self.next_program)
            self.next_program = ready.program
            ready.program = None
            self.play_next()

    def pause(self) -> None:
        """Do not play in this picture: it is switched off, or belongs to no look on screen."""
        # it may be tried again
        self.has_overrun = False
        self._was_drawn = False

    def overrun(self, spent_ms: float) -> None:
        """Record that its program exceeded the time limit."""
        self.has_overrun = True
        self.cost_ms = spent_ms
        self.is_timed = False

    def fail_next(self, reason: str) -> None:
        """Drop the new file; the old one continues."""
        self.failure = reason
        self._failed = self.next_file
        self._drop_next()

    def fail_playing(self, reason: str) -> None:
        """Drop the playing file."""
        assert self.program is not None
        self.failure = reason
        self._failed = self.program.file
        release_all(self.program)
        self.program = None

    def next_time(self, date: tuple[float, float, float, float]) -> ShaderTime:
        """Return the shader's time for the next picture; call it once per picture. A pause is no
        TIMEDELTA."""
        delta_s = 0.0 if self._before_s is None else max(0.0, self._time_s - self._before_s)
        self._before_s = self._time_s
        self._was_drawn = True
        self._frame += 1
        return ShaderTime(
            time_s=self._time_s - self._began_s, delta_s=delta_s, frame=self._frame - 1, date=date
        )

    def read_cost_ms(self) -> float | None:
        """Return the time of the last picture. The GPU has finished it, so this does not wait."""
        if self.is_timed and self.query is not None:
            self.cost_ms = self.query.elapsed / 1e6
            self.is_timed = False
        cost_ms = self.cost_ms
        self.cost_ms = None
        return cost_ms

    def release(self) -> None:
        self._drop_next()
        release_all(self.program)
        self.program = None

    def _drop_next(self) -> None:
        release_all(self.next_program)
        self.next_program = None
        self.next_file = None
        self.warmed = 0


def _order(shader: isf_file.ShaderSlot) -> tuple[bool, str]:
    """Sort key: the generator first, then the effects by slot."""
    return not shader.is_generator, shader.slot.removesuffix(isf_file.SECOND_SUFFIX)
