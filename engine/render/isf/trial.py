"""Compiles a shader and draws a few pictures with it, in the vetting process.

It is drawn small at its defaults, at all minima, at all maxima and at two mixed corners. Then it is
drawn in the show's size, to measure a picture and to fill the driver's cache with what the engine
will need. A black or single-coloured picture gives a note, not an error: an artist may begin with
one.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

import moderngl
import numpy as np

from engine.errors import IsfError
from engine.render.gl_targets import DEEP_DTYPE, deepest_dtype
from engine.render.gl_textures import Target, release_all
from engine.render.isf.clocks import BAND_S, DrawClock
from engine.render.isf.gl_images import SoundImages, unbind
from engine.render.isf.gl_sources import SourceImages
from engine.render.isf.isf_file import MAX_BUDGET, Input, IsfFile
from engine.render.isf.program import COUNT, EFFECT, OVER, Canvas, IsfProgram, ShaderTime
from engine.render.isf.speed import measure_unit_s
from engine.render.masks import SourceMaps
from engine.render.picture import fitted_size
from engine.values import CHANNELS, WAVE_POINTS

DATE: Final = (2024.0, 6.0, 15.0, 45296.7)  # of all trial pictures
THUMBNAIL_PX: Final = (
    240  # its longer side; not a power of two, for which Mesa compiles another variant
)
CORNER_PX: Final = 48
MAX_DRAW_MS: Final = 1000.0
TIMES_S: Final = (0.0, 1 / 30, 0.5, 1.0, 2.5)
MAX_THUMBNAIL_S: Final = 2.0  # of processor time for its first frames
MAX_FRAMES: Final = 24  # some shaders show the picture of many frames ago
FLAT: Final = 1.0  # deviation of a channel, of 255, below which a picture counts as one colour
BLACK: Final = 3.0  # of 255
MIN_BUDGET: Final = 16_384  # work units
MIN_BAND_PX: Final = 64
FRAME_UNITS: Final = 64  # of a pixel whose shader does nothing
BUDGET_MARGIN: Final = 4  # a slider between the corners may need more rounds than at them
MAX_STEP_S: Final = (
    0.35  # of building a shader that the driver has compiled before, one step a frame
)

Phase = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrialResult:
    """Measurements of a tested shader."""

    file: IsfFile
    """To be played."""
    draw_ms: float
    note: str
    thumbnail: np.ndarray
    """(height, width, 3) uint8."""


class Trial:
    """Tests shader files in this process's GL context."""

    def __init__(
        self,
        context: moderngl.Context,
        wait: Callable[[], None],
        *,
        is_software: bool,
        before_draw: Callable[[], None] = lambda: None,
    ) -> None:
        """wait: Waits until the GPU is idle. before_draw: Called before each picture."""
        self._before_draw = before_draw
        self._context = context
        self._wait = wait
        self._is_software = is_software
        self._sound = SoundImages(context)
        self._sound.follow(test_waves())
        self._sources = SourceImages(context)
        self._sources.follow(test_source(), 0.0, ())
        self._measured_unit_s: float | None = None
        self._sized: dict[tuple[tuple[int, int], str], _Pictures] = {}
        # the slots' targets have this one: for another, Mesa compiles again
        self._dtype = deepest_dtype(context)

    def run(
        self, file: IsfFile, size_px: tuple[int, int], phase: Phase, *, is_sound: bool = False
    ) -> "TrialResult":
        """Test a file: returns measurements and how to play it. IsfError if it cannot be played.

        is_sound: It is known to be; whatever time it takes here does not refuse it."""
        phase("compiling")
        self._context.error  # noqa: B018  reading clears
        # In bands, too: on a GPU the show waits for each.
        program = IsfProgram(
            self._context, file, self._wait, DrawClock(math.inf), waits_for_passes=self._is_software
        )
        try:
            for _ in self._rehearsal(program, size_px):
                pass
            phase("drawing small pictures with")
            units = self._corners(program, fitted_size(size_px, CORNER_PX))
            budget = min(MAX_BUDGET, max(MIN_BUDGET, units * BUDGET_MARGIN))
            worst_units = (
                FRAME_UNITS + file.texts.straight_units + (budget if file.texts.is_guarded else 0)
            )
            program.set_bounds(
                budget, max(MIN_BAND_PX, int(BAND_S / (self._unit_s() * worst_units)))
            )
            small_px = fitted_size(size_px, THUMBNAIL_PX)
            thumbnail, note = self._thumbnail(program, small_px)
            is_opaque = False
            if note:  # perhaps only its alpha is 0
                program.set_opaque(True)
                opaque, opaque_note = self._thumbnail(program, small_px)
                is_opaque = not opaque_note
                program.set_opaque(is_opaque)
                thumbnail, note = (opaque, "") if is_opaque else (thumbnail, note)
            phase(f"drawing {size_px[0]}x{size_px[1]} px with")
            draw_ms = self._draw_ms(program, size_px, max_ms=math.inf if is_sound else MAX_DRAW_MS)
            error = self._context.error
            if error != "GL_NO_ERROR":
                raise IsfError(f"the GL driver reports {error}")
        finally:
            program.release()
        phase("compiling once more")
        self._require_driver_cache(file, size_px, max_step_s=math.inf if is_sound else MAX_STEP_S)
        return TrialResult(
            file=replace(program.file, is_opaque=is_opaque),
            draw_ms=round(draw_ms, 3),
            note=note,
            thumbnail=thumbnail,
        )

    def _unit_s(self) -> float:
        """Return the seconds per work unit of a pixel; measured once."""
        if self._measured_unit_s is None:
            self._before_draw()
            self._measured_unit_s = measure_unit_s(
                self._context, self._wait, is_software=self._is_software
            )
        return self._measured_unit_s

    def _require_driver_cache(
        self, file: IsfFile, size_px: tuple[int, int], max_step_s: float
    ) -> None:
        """Raise IsfError if a second compilation is slow, too: the driver caches nothing, and the
        show would wait."""
        clock_s = time.process_time if self._is_software else time.perf_counter
        began_s = clock_s()
        program = IsfProgram(self._context, file, self._wait, waits_for_passes=self._is_software)
        try:
            longest_s = clock_s() - began_s
            for _ in self._rehearsal(program, size_px):
                longest_s = max(longest_s, clock_s() - began_s)
                began_s = clock_s()
        finally:
            program.release()
        if longest_s > max_step_s:
            raise IsfError(
                f"the driver needs {longest_s:.1f} s to load it again: the picture would stand "
                "still so long"
            )

    def _rehearsal(self, program: IsfProgram, size_px: tuple[int, int]) -> Iterator[None]:
        """Draw one pixel of each pass, before anything else, in steps, as a slot does when it
        builds this shader.

        Mesa's cache key depends on the targets that a program drew into before: only the same draws
        in the same order find an entry."""
        pictures = self._pictures(size_px, self._dtype)
        black = pictures.black.texture
        kind = _finish(program.file)
        canvas = Canvas(
            framebuffer=pictures.target.framebuffer,
            size_px=pictures.size_px,
            beneath=black,
            finish=kind,
        )
        for step in range(program.warm_steps):
            self._before_draw()
            program.warm(
                step, canvas, {}, lambda name: self._image(program.file, name, black, black)
            )
            self._wait()
            yield

    def _image(
        self, file: IsfFile, name: str, source: moderngl.Texture, other: moderngl.Texture
    ) -> moderngl.Texture:
        image_input = next(each for each in file.inputs if each.name == name)
        if image_input.type != "image":
            return self._sound.texture(image_input)
        if image_input.is_source_map:
            return self._sources.texture(name)
        return source if name in ("inputImage", "startImage") else other

    def _thumbnail(self, program: IsfProgram, size_px: tuple[int, int]) -> tuple[np.ndarray, str]:
        """Return the picture with most contrast at the defaults, and a note if all have little."""
        pictures = self._pictures(size_px, self._dtype)
        best = np.zeros((*size_px[::-1], 3), np.uint8)
        deviation = -1.0
        end_s = time.process_time() + MAX_THUMBNAIL_S
        for frame in range(MAX_FRAMES):
            time_s = TIMES_S[frame] if frame < len(TIMES_S) else TIMES_S[-1] + frame / 30
            self._draw(program, pictures, {}, _finish(program.file), frame, time_s)
            pixels = pictures.read()
            here = float(pixels.std((0, 1)).max())
            if here >= deviation:
                best = pixels
                deviation = here
            is_enough = frame + 1 >= len(TIMES_S) or time.process_time() > end_s
            if is_enough and deviation >= FLAT:
                return best, ""
            if time.process_time() > end_s + MAX_THUMBNAIL_S:
                break
        kind = "black" if best.max() <= BLACK else "one colour"
        return best, f"draws only {kind} with its default inputs"

    def _corners(self, program: IsfProgram, size_px: tuple[int, int]) -> int:
        """Return the most work units that a pixel's loops take. IsfError if they do not end at the
        defaults."""
        # 8 bits are too coarse for the fraction; with 16 the variant is compiled already.
        pictures = self._pictures(size_px, self._dtype if self._dtype == DEEP_DTYPE else "f4")
        units = 0.0
        for name, inputs in corner_inputs(program.file).items():
            self._draw(program, pictures, inputs, _finish(program.file), 0, 1.0)
            for number in range(len(program.file.passes) if program.file.texts.is_guarded else 0):
                self._draw(program, pictures, inputs, COUNT, 0, 1.0, number)
                fraction = float(pictures.read_float()[..., 0].max())
                if fraction >= 1.0 and name == "defaults":
                    raise IsfError(
                        "a loop goes on after some millions of operations for a pixel; is it "
                        "endless?"
                    )
                # a corner that overruns says nothing about what the shader needs
                if fraction < 1.0:
                    units = max(units, fraction * program.file.budget)
        return int(units)

    def _draw_ms(self, program: IsfProgram, size_px: tuple[int, int], max_ms: float) -> float:
        small = self._pictures(fitted_size(size_px, THUMBNAIL_PX), self._dtype)
        small_ms = min(self._timed_ms(program, small) for _ in range(3))  # the first one allocates
        expected_ms = small_ms * size_px[0] * size_px[1] / (small.size_px[0] * small.size_px[1])
        if expected_ms > 4 * max_ms:
            raise IsfError(_too_slow(expected_ms, size_px))
        pictures = self._pictures(size_px, self._dtype)
        self._timed_ms(program, pictures)  # allocates and compiles
        times_ms = [self._timed_ms(program, pictures)]
        while len(times_ms) < 3 and sum(times_ms) < MAX_DRAW_MS:
            times_ms.append(self._timed_ms(program, pictures))
        draw_ms = median(times_ms)
        if draw_ms > max_ms:
            raise IsfError(_too_slow(draw_ms, size_px))
        return draw_ms

    def _timed_ms(self, program: IsfProgram, pictures: "_Pictures") -> float:
        """Measure one picture; processor time on a software rasteriser, as this process runs at low
        priority."""
        clock_s = time.process_time if self._is_software else time.perf_counter
        self._wait()
        self._before_draw()
        began_s = clock_s()
        self._draw(program, pictures, {}, _finish(program.file), 1, 1.0)
        self._wait()
        return (clock_s() - began_s) * 1e3

    def _draw(
        self,
        program: IsfProgram,
        pictures: "_Pictures",
        inputs: Mapping[str, Input],
        finish: int,
        frame: int,
        time_s: float,
        counted: int | None = None,
    ) -> None:
        """Draw one picture. counted: Pass whose work is drawn instead."""
        beneath = pictures.black.texture if finish == OVER else pictures.source
        canvas = Canvas(
            framebuffer=pictures.target.framebuffer,
            size_px=pictures.size_px,
            beneath=beneath,
            finish=finish,
        )
        now = ShaderTime(time_s=time_s, delta_s=1 / 30 if frame else 0.0, frame=frame, date=DATE)
        self._before_draw()

        def images(name: str) -> moderngl.Texture:
            return self._image(program.file, name, pictures.source, pictures.other)

        if counted is None:
            program.draw(canvas, inputs, images, now)
        else:
            program.count(counted, canvas, images)

    def _pictures(self, size_px: tuple[int, int], dtype: str) -> "_Pictures":
        pictures = self._sized.get((size_px, dtype))
        if pictures is None:
            if len(self._sized) >= 8:
                self._sized.pop(next(iter(self._sized))).release()
            pictures = self._sized[size_px, dtype] = _Pictures(
                self._context, size_px, dtype, self._dtype
            )
        return pictures


class _Pictures:
    """Input pictures and a target of one size."""

    def __init__(
        self, context: moderngl.Context, size_px: tuple[int, int], dtype: str, source_dtype: str
    ) -> None:
        """dtype: Format of the target. source_dtype: Format of the pictures, as the slots use
        it."""
        self.size_px = size_px
        self._context = context
        picture = test_picture(*size_px)
        if source_dtype == DEEP_DTYPE:
            picture = picture.astype(np.uint16) * 257
        self.source = _picture(context, picture, source_dtype)
        self.other = _picture(context, picture[::-1, ::-1], source_dtype)
        self.black = Target(context, size_px, dtype=dtype)
        self.target = Target(context, size_px, dtype=dtype)
        self._dtype = dtype

    def read(self) -> np.ndarray:
        return (self.read_float()[..., :3].clip(0, 1) * 255 + 0.5).astype(np.uint8)

    def read_float(self) -> np.ndarray:
        width, height = self.size_px
        texels = np.frombuffer(self.target.framebuffer.read(components=4, dtype="f4"), np.float32)
        return np.nan_to_num(texels.reshape(height, width, 4))

    def release(self) -> None:
        unbind(self._context)
        release_all(self.source, self.other, self.black, self.target)


def corner_inputs(file: IsfFile) -> dict[str, dict[str, Input]]:
    """Return the combinations of inputs to test, by name."""

    def mixed(first: bool) -> dict[str, Input]:
        return {
            each.name: each.maximum if (number % 2 == 0) is first else each.minimum
            for number, each in enumerate(file.controls)
        }

    return {
        "defaults": {},
        "minima": {each.name: each.minimum for each in file.controls},
        "maxima": {each.name: each.maximum for each in file.controls},
        "even maxima": mixed(True),
        "odd maxima": mixed(False),
    }


def _picture(context: moderngl.Context, pixels: np.ndarray, dtype: str) -> moderngl.Texture:
    """Create a texture like those of the slots: drivers compile another variant for another format
    or filter."""
    texture = context.texture(pixels.shape[1::-1], 4, np.ascontiguousarray(pixels), dtype=dtype)
    texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
    return texture


def _finish(file: IsfFile) -> int:
    return OVER if file.is_generator else EFFECT


def _too_slow(draw_ms: float, size_px: tuple[int, int]) -> str:
    size = f"{size_px[0]}x{size_px[1]}"
    return (
        f"a picture of {size} takes {draw_ms / 1e3:.1f} s here: nothing above "
        f"{MAX_DRAW_MS / 1e3:g} s is played"
    )


def test_picture(width: int, height: int) -> np.ndarray:
    """Return a test picture, (height, width, 4) uint8: gradients, edges, texture, a dark side; no
    symmetry."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    ripple = 0.5 + 0.5 * np.sin(40 * x + 9 * y * y) * np.cos(31 * y - 7 * x)
    disc = np.hypot(x - 0.38, (y - 0.42) * height / width) < 0.2
    red = np.where(disc, 0.95, 0.15 + 0.6 * x)
    green = np.where(disc, 0.35 + 0.5 * y, 0.1 + 0.7 * y * ripple)
    blue = np.where(x + 0.3 * y > 0.95, 0.9, 0.2 + 0.5 * (1 - x) * ripple)
    rgb = np.stack([red, green, blue, np.ones_like(x)], axis=-1)
    return np.ascontiguousarray((rgb.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def test_source() -> SourceMaps:
    """Return maps of a source: the test picture, in which a disc moves."""
    picture = test_picture(321, 181)
    inside = picture[..., 0] > 200
    mask = np.stack(
        [inside * 255, inside, inside * 255, np.full_like(inside, 255, int)], axis=-1
    ).astype(np.uint8)
    flow = np.repeat(inside[..., None] * np.float32(0.02), 2, axis=2)
    objects = np.zeros((3, 17, 4), np.float32)
    objects[2, 0] = (0.38, 0.58, 0.4, 0.7)
    objects[1, 0] = (1.0, 0.9, 1.0, 1.0)
    return SourceMaps(
        picture=picture,
        previous=picture[:, ::-1],
        mask=mask,
        flow=flow,
        objects=objects,
        echo=picture,
        time_s=0.0,
        interval_s=0.5,
    )


def test_waves() -> np.ndarray:
    """Return test waves, (4, 1024) float32: a tone with overtones in each channel."""
    time_s = np.arange(WAVE_POINTS) / WAVE_POINTS * 0.05
    waves = [
        0.5 * np.sin(2 * np.pi * pitch * time_s) + 0.25 * np.sin(2 * np.pi * 3.1 * pitch * time_s)
        for pitch in (60.0, 220.0, 700.0, 2500.0)[:CHANNELS]
    ]
    return np.stack(waves).astype(np.float32)
