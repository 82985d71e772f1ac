"""The shader slots of a picture: a generator over it, then four effects, each mixed with what came before.

A new file is built in steps, one a frame, while the slot still plays its old one: compile and link, then one pixel of
each pass, since drivers finish compiling at the first draw. The vetting process has compiled the same text before, and
drivers keep compiled shaders on the disk, so a step takes milliseconds instead of seconds (measured in docs/isf.md).

Frame: `begin`, then for each look `draw_generator` (before the pass, if layer 5 or another shader shows it) and `draw`.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import moderngl
import numpy as np

from engine.errors import IsfError
from engine.render.gl_textures import Target, release_all
from engine.render.isf.clocks import DateAt, DrawClock, OverrunError, date_live, isf_date
from engine.render.isf.gl_images import SoundImages, unbind
from engine.render.isf.isf_file import OTHER_PLACE, SOURCE_IMAGE, START_IMAGE, Input, IsfFile, ShaderSlot, ShaderState
from engine.render.isf.program import EFFECT, OVER, Canvas, IsfProgram, Moment, copy_file

log = logging.getLogger(__name__)

RING = 5  # targets: the one drawn into, the one read, two finished pictures of looks that dissolve, and the last one
_SHOWN_FIRST = (SOURCE_IMAGE, START_IMAGE)


class SlotChain:
    """Render thread only, its context current; `state` any thread."""

    def __init__(
        self,
        context: moderngl.Context,
        wait: Callable[[], None],
        *,
        is_software: bool,
        dtype: str = "f1",
        date_at: DateAt = date_live,
    ) -> None:
        """`wait`: until the GPU is idle, without the GIL. `dtype`: of the picture's targets, "f1" or "f2". `date_at`:
        of the shaders' DATE."""
        self._context, self._wait, self._is_software, self._dtype = context, wait, is_software, dtype
        self._date_at = date_at
        self._slots: dict[str, _Slot] = {}
        self._ready: dict[str, _Slot] = {}
        """Shaders that are built, but not played yet."""
        self._playing: tuple[ShaderSlot, ...] = ()
        self._ring: list[Target] = []
        self._black: Target | None = None
        self._generated: dict[str, Target] = {}
        """Pictures of the generators by place, over black."""
        self._drawn: set[str] = set()
        """The places of `_generated` that hold this picture's."""
        self._copy: IsfProgram | None = None
        self._size_px = (0, 0)
        self._kept: Collection[Target] = ()
        self._sound = SoundImages(context)
        self._clock = DrawClock()
        self._date = (2000.0, 1.0, 1.0, 0.0)
        self.state = ShaderState()
        """State of the last picture; replaced as a whole. Any thread."""
        self.is_incomplete = False
        """A shader was given up in this picture, failed, or is not built yet after a cut: it is not one to show."""

    def begin(
        self,
        slots: Sequence[ShaderSlot],
        waves: np.ndarray,
        time_s: float,
        size_px: tuple[int, int],
        held: Collection[Target] = (),
        *,
        is_cutting: bool = False,
        coming: Sequence[ShaderSlot] = (),
    ) -> None:
        """Prepare a picture of this size: read the last one's costs, and do one step of building a new file.

        `waves`: (4, 1024) float32; `time_s`: due time of the picture; `held`: earlier pictures that are still needed;
        `is_cutting`: while a file is built, the picture is incomplete. `coming`: what will be played later; it is built
        when nothing else is, and then plays at once.
        """
        self.is_incomplete = False
        if not slots and not coming and not self._slots and not self._ready:
            return
        self._kept = held
        self._playing = tuple(slots)
        self._drawn = set()
        self._clock.begin()
        self._sound.follow(waves)
        self._date = isf_date(self._date_at(time_s))
        if size_px != self._size_px:
            self._release_targets()
            self._size_px = size_px
        costs_ms = {name: slot.read_cost_ms() for name, slot in self._slots.items()}
        overruns = frozenset(name for name, slot in self._slots.items() if slot.has_overrun)
        for name in overruns.difference(each.slot for each in slots):
            self._slots[name].has_overrun = False  # it has been switched off, and may be tried again
        may_build = True
        for told in self._playing:
            slot = self._slots.setdefault(told.slot, _Slot(self._context))
            slot.follow(told, time_s)
            for ready in self._ready.values():
                if slot.is_building:
                    slot.take_over(ready)
            if may_build and slot.is_building:
                may_build = False
                self._build(slot)
        for told in coming:
            ready = self._ready.setdefault(told.slot, _Slot(self._context))
            ready.follow(told, time_s)
            if may_build and ready.is_building:
                may_build = False
                self._build(ready)
        for name in self._ready.keys() - {told.slot for told in coming}:
            self._ready.pop(name).release()
        self.is_incomplete = is_cutting and any(self._slots[told.slot].is_building for told in self._of(False))
        self.state = ShaderState(
            costs_ms={name: cost_ms for name, cost_ms in costs_ms.items() if cost_ms is not None},
            failures={name: slot.failure for name, slot in self._slots.items() if slot.failure},
            overruns=overruns,
            missing=frozenset(name for name, slot in self._slots.items() if slot.failure and slot.program is None),
        )

    def draw_generator(self, *, is_leaving: bool = False) -> Target | None:
        """The generator's picture over black, for layer 5; None if the look has none. Drawn once per picture.

        While two looks dissolve, that of the old one if `is_leaving`, else of the new one.
        """
        told = next((each for each in self._of(is_leaving) if each.is_generator), None)
        slot = self._slots.get(told.slot) if told is not None else None
        if told is None or slot is None or slot.program is None:
            return None
        if told.slot not in self._drawn:
            into = self._generated.get(told.slot) or Target(self._context, self._size_px, dtype=self._dtype)
            self._generated[told.slot] = into
            black = self._black_target()
            canvas = self._canvas(into, black, EFFECT, 1.0, is_luma=False)
            if not self._draw_slot(slot, told, canvas, self._images(slot.program.file, black, black, None)):
                return None
            self._drawn.add(told.slot)
        return self._generated[told.slot]

    def plays(self, *, is_leaving: bool = False) -> bool:
        """True if this look has shaders: while two looks dissolve, the old one if `is_leaving`, else the new one."""
        return bool(self._of(is_leaving))

    def _of(self, is_leaving: bool) -> list[ShaderSlot]:
        return [each for each in self._playing if each.is_shared or each.is_leaving is is_leaving]

    def draw(self, source: Target, *, is_luma: bool, is_leaving: bool = False, held: Collection[Target] = ()) -> Target:
        """The picture with all slots of a look; `source` itself if none plays. Valid until the next call without it in
        `held`.

        `is_luma`: alpha becomes the largest of red, green and blue; otherwise 1. `is_leaving`: as in `plays`.
        """
        beneath = source
        playing = self._of(is_leaving)
        if is_luma and playing:
            source.texture.swizzle = "RGB1"  # a shader that keeps its input's alpha would darken the picture
        generated = None
        if any(map(self._reads_other_images, playing)):
            generated = self.draw_generator(is_leaving=is_leaving)
        for told in sorted(playing, key=_order):
            slot = self._slots[told.slot]
            if slot.program is None or told.mix <= 0:
                continue
            into = self._free_target({beneath, *held})
            canvas = self._canvas(into, beneath, OVER if told.is_generator else EFFECT, told.mix, is_luma=is_luma)
            if told.slot in self._drawn:
                self._copied(canvas, self._generated[told.slot])
            elif not self._draw_slot(slot, told, canvas, self._images(slot.program.file, beneath, source, generated)):
                continue
            beneath = into
        if is_luma and playing:
            source.texture.swizzle = "RGBA"
        return beneath

    def release(self) -> None:
        release_all(*self._slots.values(), *self._ready.values(), self._sound, self._copy)
        self._slots.clear()
        self._ready.clear()
        self._copy = None
        self._release_targets()

    def _draw_slot(
        self, slot: "_Slot", told: ShaderSlot, canvas: Canvas, images: Callable[[str], moderngl.Texture]
    ) -> bool:
        assert slot.program is not None
        if slot.has_overrun:
            return False
        inputs = told.inputs if slot.program.file is told.file else {}  # the old file plays on with its last values
        began_s = time.perf_counter()
        try:
            with self._clock.running(told.slot):
                if self._is_software:
                    slot.program.draw(canvas, inputs or slot.last_inputs, images, slot.moment(self._date))
                    self._wait()
                    slot.cost_ms = (time.perf_counter() - began_s) * 1e3
                else:
                    with slot.query:
                        slot.program.draw(canvas, inputs or slot.last_inputs, images, slot.moment(self._date))
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
                failures={**self.state.failures, told.slot: slot.failure},
                missing=self.state.missing | {told.slot},
            )
            return False
        if inputs:
            slot.last_inputs = inputs
        return True

    def _copied(self, canvas: Canvas, generated: Target) -> None:
        """The generator's finished picture over what is beneath."""
        self._copy = self._copy or IsfProgram(self._context, copy_file())
        self._copy.draw(canvas, {}, lambda name: generated.texture, Moment())

    def _build(self, slot: "_Slot") -> None:
        """One step."""
        black = self._black_target()
        assert slot.coming_file is not None
        try:
            if slot.coming is None:
                slot.coming = IsfProgram(
                    self._context, slot.coming_file, self._wait, self._clock, waits_for_passes=self._is_software
                )
                return
            kind = OVER if slot.coming_file.is_generator else EFFECT
            into = self._free_target({black, *self._kept})
            canvas = self._canvas(into, black, kind, 1.0, is_luma=False)
            images = self._images(slot.coming_file, black, black, None)
            slot.coming.warm(slot.warmed, canvas, slot.coming_inputs, images)
            slot.warmed += 1
            if slot.warmed >= slot.coming.warm_steps:
                slot.play_coming()
        except IsfError as error:
            slot.fail_coming(str(error))

    def _images(
        self, file: IsfFile, beneath: Target, source: Target, generated: Target | None
    ) -> Callable[[str], moderngl.Texture]:
        """Textures of a shader's image inputs: the picture so far, and for all but the first the generator's."""
        by_name = {each.name: each for each in file.inputs}
        first = next((each.name for each in file.inputs if each.type == "image"), None)

        def texture(name: str) -> moderngl.Texture:
            told = by_name[name]
            if told.type != "image":
                return self._sound.texture(told)
            if name in _SHOWN_FIRST or name == first:
                return beneath.texture
            return (generated or source).texture

        return texture

    def _reads_other_images(self, told: ShaderSlot) -> bool:
        images = [each.name for each in told.file.inputs if each.type == "image"]
        return not told.is_generator and told.mix > 0 and len(images) > 1

    def _canvas(self, into: Target, beneath: Target, finish: int, mix: float, *, is_luma: bool) -> Canvas:
        return Canvas(
            framebuffer=into.framebuffer,
            size_px=self._size_px,
            beneath=beneath.texture,
            finish=finish,
            mix=mix,
            is_luma=is_luma,
        )

    def _free_target(self, held: Collection[Target]) -> Target:
        for target in self._ring:
            if target not in held:
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
        self._ring, self._black, self._generated = [], None, {}


class _Slot:
    """The shader that a slot plays, and the one that it will play."""

    def __init__(self, context: moderngl.Context) -> None:
        self.program: IsfProgram | None = None
        self.coming: IsfProgram | None = None
        self.coming_file: IsfFile | None = None
        self.coming_inputs: Mapping[str, Input] = {}
        self.last_inputs: Mapping[str, Input] = {}
        self.warmed = 0
        self.failure = ""
        self.query = context.query(time=True)
        self.is_timed = False
        self.cost_ms: float | None = None
        self.has_overrun = False
        """Its program was given up in the middle of a picture: not drawn until it is switched off or replaced."""
        self._failed: IsfFile | None = None
        self._began_s = self._time_s = 0.0
        self._before_s: float | None = None
        self._frame = 0

    @property
    def is_building(self) -> bool:
        return self.coming_file is not None

    def follow(self, told: ShaderSlot, time_s: float) -> None:
        """Note the time, and a new file."""
        self._time_s = time_s
        self.coming_inputs = told.inputs
        playing = self.program.file if self.program is not None else None
        if told.file in (playing, self._failed):
            if told.file is playing:
                self._drop_coming()
            return
        if told.file is not self.coming_file:
            self._drop_coming()
            self.coming_file = told.file
            self.failure, self._failed = "", None

    def play_coming(self) -> None:
        """Play the new file. One that was saved again goes on in time, another begins at 0."""
        assert self.coming is not None and self.coming_file is not None
        before = self.program.file.path if self.program is not None else None
        if before is None or before != self.coming_file.path:
            self._began_s, self._before_s, self._frame = self._time_s, None, 0
        release_all(self.program)
        self.program, self.coming, self.coming_file, self.warmed = self.coming, None, None, 0
        self.last_inputs, self.has_overrun = {}, False

    def take_over(self, ready: "_Slot") -> None:
        """Play the program of another slot, if it is that of the new file."""
        if ready.program is not None and ready.program.file is self.coming_file:
            release_all(self.coming)
            self.coming, ready.program = ready.program, None
            self.play_coming()

    def overrun(self, spent_ms: float) -> None:
        """Its program has held up the picture."""
        self.has_overrun, self.cost_ms, self.is_timed = True, spent_ms, False

    def fail_coming(self, reason: str) -> None:
        """Give up the new file; the old one plays on."""
        self.failure, self._failed = reason, self.coming_file
        self._drop_coming()

    def fail_playing(self, reason: str) -> None:
        """Give up the file that plays."""
        assert self.program is not None
        self.failure, self._failed = reason, self.program.file
        release_all(self.program)
        self.program = None

    def moment(self, date: tuple[float, float, float, float]) -> Moment:
        """Now; called once a picture."""
        delta_s = 0.0 if self._before_s is None else max(0.0, self._time_s - self._before_s)
        self._before_s = self._time_s
        self._frame += 1
        return Moment(time_s=self._time_s - self._began_s, delta_s=delta_s, frame=self._frame - 1, date=date)

    def read_cost_ms(self) -> float | None:
        """Time of the last picture; the GPU has finished it, so this does not wait."""
        if self.is_timed:
            self.cost_ms, self.is_timed = self.query.elapsed / 1e6, False
        cost_ms, self.cost_ms = self.cost_ms, None
        return cost_ms

    def release(self) -> None:
        self._drop_coming()
        release_all(self.program)
        self.program = None

    def _drop_coming(self) -> None:
        release_all(self.coming)
        self.coming, self.coming_file, self.warmed = None, None, 0


def _order(told: ShaderSlot) -> tuple[bool, str]:
    """The generator first, then the effects by slot."""
    return not told.is_generator, told.slot.removesuffix(OTHER_PLACE)
