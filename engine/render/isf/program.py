"""Draws one ISF shader with OpenGL: its passes, then its mix with the picture beneath.

All sizes are in pixels. Render thread, the context current.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import moderngl

from engine.errors import IsfError
from engine.render.gl_textures import release_all
from engine.render.isf import isf_file
from engine.render.isf.clocks import FIRST_POINTS, DrawClock, next_points
from engine.render.isf.gl_images import (
    OUTPUT,
    PassTarget,
    ShaderTargets,
    output_size,
    point_counts,
    target_sizes,
)
from engine.render.isf.isf_file import Input

BENEATH: Final = "isf_beneath"
MAX_REASON_CHARS: Final = 300

# Mesa writes 0:14(3): error, NVIDIA and AMD 0(14) : error, Apple ERROR: 0:14: error; the 0 is the
# number from #line.
_COMPILER_ERROR = re.compile(
    r"^(?:ERROR: "
    r")?(?P<file>\d+)[:(](?P<line>\d+)(?:\(\d+\))?\)?\s*:?\s*(?:error\s*)?:?\s*(?P<reason>.*)"
)
RAW, OVER, EFFECT, COUNT, FLOAT = range(5)
"""Modes of the last pass: `isf_finish` in shaders/fragment.glsl."""


class LinkedProgram:
    """The linked program of one pass, with the texture unit of each image that it reads.

    Mesa's llvmpipe runs the branches of all passes in each of them, unless the compiler knows which
    one it is."""

    def __init__(self, context: moderngl.Context, file: isf_file.IsfFile, number: int) -> None:
        """IsfError with the line of the driver's first complaint."""
        # Not a constant: GLSL refuses an array's constant index outside of it, even where it is
        # never read.
        variable = "uniform int PASSINDEX;"
        known = f"int PASSINDEX = {number};"
        try:
            self._program = context.program(
                vertex_shader=file.texts.vertex.replace(variable, known),
                fragment_shader=file.texts.fragment.replace(variable, known),
            )
        except moderngl.Error as error:
            raise _explain_compiler_error(str(error)) from error
        self._vertices = context.vertex_array(self._program, [])
        names = file.texts.names
        images = [name for name in names if name not in {each.name for each in file.controls}]
        samplers = {name: names[name] for name in images if names[name] in self._program}
        if BENEATH in self._program:
            samplers[BENEATH] = BENEATH
        most = context.info["GL_MAX_TEXTURE_IMAGE_UNITS"]
        if len(samplers) > most:
            self.release()
            raise IsfError(
                f"the shader reads {len(samplers)} images: this GPU binds at most {most}"
            )
        self.units = {name: unit for unit, name in enumerate(samplers)}
        """Texture unit by the name in the file."""
        for name, unit in self.units.items():
            self._program[samplers[name]] = unit

    def set(self, uniforms: Mapping[str, Input]) -> None:
        """Set these uniforms; one that the compiler removed is left out."""
        for name, value in uniforms.items():
            if name in self._program:
                self._program[name] = value

    def draw(self, points: int = 0, first: int = 0) -> None:
        """Draw the strip of four corners, or so many points from number `first` on."""
        self._vertices.render(
            moderngl.POINTS if points else moderngl.TRIANGLE_STRIP, points or 4, first=first
        )

    def release(self) -> None:
        release_all(self._vertices, self._program)


def _explain_compiler_error(message: str) -> IsfError:
    """Convert a compiler message to the first error in the author's text."""
    lines = [
        line.strip()
        for line in message.splitlines()
        if line.strip(" =") and not line.strip().isidentifier()
    ]
    for line in lines:
        match = _COMPILER_ERROR.match(line)
        if match is not None and "warning" not in line:
            reason = match["reason"].strip()[:MAX_REASON_CHARS]
            if int(match["file"]) == isf_file.VERTEX_FILE:
                return IsfError(f"vertex shader, line {match['line']}: {reason}")
            if int(match["file"]) == isf_file.FRAGMENT_FILE:
                return IsfError(reason, int(match["line"]))
    summary = " ".join(
        line for line in lines if "warning" not in line and line != "GLSL Compiler failed"
    )
    return IsfError(f"the GL driver rejects the shader: {summary[:MAX_REASON_CHARS]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderTime:
    """Time inputs of a shader for one picture: TIME, TIMEDELTA, FRAMEINDEX, DATE."""

    time_s: float = 0.0
    """Time since the shader began."""
    delta_s: float = 0.0
    """Time since its last picture; 0 for the first."""
    frame: int = 0
    date: tuple[float, float, float, float] = (2000.0, 1.0, 1.0, 0.0)
    """Year, month, day, seconds of the day."""
    history: tuple[float, float] = (-1.0, 0.0)
    """Newest and oldest cell of the source's history (gl_sources.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """Target of a shader's picture, and how it is mixed there."""

    framebuffer: moderngl.Framebuffer
    size_px: tuple[int, int]
    beneath: moderngl.Texture
    """The picture beneath, of the same size."""
    finish: int
    """OVER, EFFECT or COUNT."""
    mix: float = 1.0
    is_luma: bool = False


class IsfProgram:
    """A compiled shader with its own textures."""

    def __init__(
        self,
        context: moderngl.Context,
        file: isf_file.IsfFile,
        wait: Callable[[], None] | None = None,
        clock: DrawClock | None = None,
        *,
        waits_for_passes: bool = True,
    ) -> None:
        """Compile. IsfError with the line of the driver's first complaint. `wait` is called between
        bands, and, if `waits_for_passes`, between passes: on a software rasteriser each would
        otherwise wait for the last one holding the GIL. `clock` is read after each band; None
        aborts nothing."""
        self.file = file
        self._context = context
        self._wait = wait
        self._clock = clock
        self._waits_for_passes = waits_for_passes
        self._names = file.texts.names
        self._uniforms: dict[str, Input] = {
            "isf_budget": file.budget,
            "isf_is_opaque": file.is_opaque,
        }
        self._linked = {0: LinkedProgram(context, file, 0)}
        """By the number of the pass: each has one variant; Mesa's cache finds only the first one of
        a program again."""
        self._sampler = context.sampler(
            repeat_x=False, repeat_y=False, filter=(moderngl.LINEAR, moderngl.LINEAR)
        )
        self._imports: dict[int, moderngl.Texture] = {}
        """Imported images by their array's identity: one texture for a file that has two names."""
        self._points = (0,) * len(file.passes)
        last = file.passes[-1]
        # Pixels that keep what was drawn before would not be mixed with the picture beneath.
        self._has_holes = file.texts.has_holes
        is_copied = (
            self._has_holes
            or last.target is not None
            or last.width is not None
            or last.height is not None
        )
        self._copy = IsfProgram(context, copy_file(), wait) if is_copied else None
        self._has_output = is_copied and last.target is None
        self._targets = ShaderTargets(context, file, has_output=self._has_output)

    def draw(
        self,
        canvas: Canvas,
        inputs: Mapping[str, Input],
        images: Callable[[str], moderngl.Texture],
        time: ShaderTime,
    ) -> bool:
        """Draw all passes, the last one into the canvas. `images` gives the texture of an image
        input by its name.

        Returns False if its targets have grown so much that they are allocated over several
        pictures: nothing is drawn then. IsfError if they are too large with these inputs;
        OverrunError where the clock ends it."""
        sizes = self._sizes(inputs, canvas)
        last = len(self.file.passes) - 1
        has_size = sizes.get(OUTPUT, canvas.size_px) == canvas.size_px
        is_whole = has_size and self.file.passes[-1].target is None and not self._has_holes
        if is_whole:
            sizes.pop(OUTPUT, None)
        if (
            self._clock is not None
            and self._targets.missing_bytes(sizes) > self._clock.max_growth_bytes
        ):
            self._targets.follow(sizes, max_textures=1)
            return False
        self._targets.follow(sizes)
        self._set_values(inputs, time, canvas.size_px)
        for number, each in enumerate(self.file.passes):
            if each.target is not None:
                self._run_into(self._targets[each.target], number, images, canvas)
            elif number == last and (is_whole or self._copy is None):
                self._run(number, canvas.framebuffer, canvas.size_px, images, canvas, canvas.finish)
            elif number == last:
                self._run_into(self._targets[OUTPUT], number, images, canvas)
        if self._copy is not None and not is_whole:
            texture = self._targets[self.file.passes[-1].target or OUTPUT].texture
            self._copy.draw(canvas, {}, lambda _: texture, time)
        return True

    def _sizes(self, inputs: Mapping[str, Input], canvas: Canvas) -> dict[str, tuple[int, int]]:
        """Return the sizes of all targets, and of the last pass: as deep as the canvas, so that a
        pass compiled for one is compiled for both."""
        sizes = target_sizes(self.file, inputs, canvas.size_px)
        self._targets.output_dtype = canvas.beneath.dtype
        output_px = output_size(self.file, inputs, canvas.size_px)
        return sizes | {OUTPUT: output_px} if self._has_output else sizes

    def set_opaque(self, is_opaque: bool) -> None:
        """Set whether the shader's alpha is ignored."""
        self._uniforms["isf_is_opaque"] = is_opaque
        if self._copy is not None:
            self._copy.set_opaque(is_opaque)

    def set_bounds(self, budget: int, band_px: int) -> None:
        self.file = replace(self.file, budget=budget, band_px=band_px)
        self._uniforms["isf_budget"] = budget

    def count(self, number: int, canvas: Canvas, images: Callable[[str], moderngl.Texture]) -> None:
        """Draw the work of each pixel's loops in one pass, as a fraction of the budget. Call `draw`
        first."""
        self._run(number, canvas.framebuffer, canvas.size_px, images, canvas, COUNT)

    @property
    def warm_steps(self) -> int:
        """Number of `warm` calls until nothing is left to compile."""
        return (
            len(self.file.imports)
            + self._targets.steps
            + len(self.file.passes)
            + (self._copy is not None)
        )

    def warm(
        self,
        step: int,
        canvas: Canvas,
        inputs: Mapping[str, Input],
        images: Callable[[str], moderngl.Texture],
    ) -> None:
        """Upload an image, allocate a texture, or draw one pixel of one pass: drivers finish
        compiling at the first draw, for the bound formats. Steps from 0, each short by itself.

        The shader's textures are black after the last one. IsfError as in `draw`."""
        if step < len(self.file.imports):
            self._imported(self.file.imports[step])
            return
        step -= len(self.file.imports) + self._targets.steps
        if step < 0:
            self._targets.follow(self._sizes(inputs, canvas), max_textures=1)
            return
        if step == 0:
            self._targets.follow(self._sizes(inputs, canvas))
            self._set_values(inputs, ShaderTime(), canvas.size_px)
        if step < len(self.file.passes):
            target = self.file.passes[step].target
            own: PassTarget | None
            if target is None and self._has_output:
                own = self._targets[OUTPUT]
            else:
                own = self._targets[target] if target is not None else None
            framebuffer, size_px = (
                (own.back, own.size_px) if own else (canvas.framebuffer, canvas.size_px)
            )
            framebuffer.scissor = (0, 0, 1, 1)
            self._run(step, framebuffer, size_px, images, canvas, RAW if own else canvas.finish)
            framebuffer.scissor = None  # type: ignore[assignment]  # None: all of it again
            if own:
                framebuffer.clear()
        elif self._copy is not None:
            self._copy.warm(0, canvas, {}, lambda name: canvas.beneath)

    def release(self) -> None:
        release_all(self._copy, *self._imports.values(), *self._linked.values())
        release_all(self._targets, self._sampler)

    def _linked_for(self, number: int) -> LinkedProgram:
        if number not in self._linked:
            self._linked[number] = LinkedProgram(self._context, self.file, number)
        return self._linked[number]

    def _run_into(
        self,
        target: PassTarget,
        number: int,
        images: Callable[[str], moderngl.Texture],
        canvas: Canvas,
    ) -> None:
        self._run(
            number, target.back, target.size_px, images, canvas, FLOAT if target.is_float else RAW
        )
        target.swap()
        if self._wait is not None and self._waits_for_passes:
            self._wait()

    def _run(
        self,
        number: int,
        framebuffer: moderngl.Framebuffer,
        size_px: tuple[int, int],
        images: Callable[[str], moderngl.Texture],
        canvas: Canvas,
        finish: int,
    ) -> None:
        """Draw one pass. moderngl binds new textures to any unit, so all are bound before each
        draw."""
        linked = self._linked_for(number)
        for name, unit in linked.units.items():
            texture = canvas.beneath if name == BENEATH else self._texture(name, images)
            texture.use(unit)
            self._sampler.use(unit)
        framebuffer.use()
        framebuffer.viewport = (0, 0, *size_px)
        has_points = self.file.passes[number].points is not None
        if self._has_holes or has_points:
            framebuffer.clear()
        pass_uniforms: dict[str, Input] = {"RENDERSIZE": size_px, "isf_finish": finish}
        pass_uniforms |= {
            "isf_mix": canvas.mix,
            "isf_is_luma": canvas.is_luma,
            "isf_is_points": has_points,
        }
        linked.set(self._uniforms | pass_uniforms)
        try:
            if has_points:
                # or to finish compiling, which no clock may end
                is_whole = framebuffer.scissor == (0, 0, *size_px)
                count = self._points[number] if is_whole else min(self._points[number], 1)
                self._draw_points(
                    linked, count, moderngl.MAX if finish == COUNT else moderngl.FUNC_ADD
                )
            else:
                self._draw_bands(linked, framebuffer, size_px)
        finally:
            for unit in linked.units.values():
                self._sampler.clear(unit)

    def _draw_points(self, linked: LinkedProgram, count: int, equation: int) -> None:
        """Add up the colours of so many points, or keep the largest."""
        self._context.enable_only(moderngl.BLEND | moderngl.PROGRAM_POINT_SIZE)
        self._context.blend_func = (moderngl.ONE, moderngl.ONE)
        self._context.blend_equation = (equation, equation)
        try:
            clock = self._clock
            wait = self._wait
            first = 0
            points = count if clock is None or wait is None else FIRST_POINTS
            while first < count:
                began_s = clock.now_s() if clock is not None else 0.0
                linked.draw(min(points, count - first), first)
                first += points
                if clock is not None and wait is not None and first < count:
                    wait()
                    clock.check()
                    points = next_points(points, clock.now_s() - began_s)
        finally:
            self._context.blend_equation = moderngl.FUNC_ADD, moderngl.FUNC_ADD
            self._context.enable_only(moderngl.NOTHING)

    def _draw_bands(
        self, linked: LinkedProgram, framebuffer: moderngl.Framebuffer, size_px: tuple[int, int]
    ) -> None:
        """Draw the bound pass, at once if even its worst case is short."""
        width, height = size_px
        band_px = self.file.band_px
        clock = self._clock
        wait = self._wait
        is_whole = framebuffer.scissor == (0, 0, width, height)  # or one pixel, to finish compiling
        if not band_px or clock is None or wait is None or not is_whole:
            linked.draw()
            return
        try:
            for band in bands(size_px, band_px):
                if clock.is_due(band[2] * band[3] / band_px):
                    wait()
                    clock.check()
                framebuffer.scissor = band
                framebuffer.use()
                linked.draw()
        finally:
            framebuffer.scissor = None  # type: ignore[assignment]  # None: all of it again
            framebuffer.use()

    def _texture(self, name: str, images: Callable[[str], moderngl.Texture]) -> moderngl.Texture:
        if name in self._targets:
            return self._targets[name].texture
        imported = next((each for each in self.file.imports if each.name == name), None)
        return images(name) if imported is None else self._imported(imported)

    def _imported(self, image: isf_file.IsfImport) -> moderngl.Texture:
        texture = self._imports.get(id(image.pixels))
        if texture is None:
            texture = self._context.texture(image.pixels.shape[1::-1], 4, image.pixels)
            self._imports[id(image.pixels)] = texture
        return texture

    def _set_values(
        self, inputs: Mapping[str, Input], time: ShaderTime, size_px: tuple[int, int]
    ) -> None:
        self._uniforms["TIME"] = time.time_s
        self._uniforms["TIMEDELTA"] = time.delta_s
        self._uniforms["FRAMEINDEX"] = time.frame
        self._uniforms["DATE"] = time.date
        self._uniforms["isf_history"] = time.history
        self._points = point_counts(self.file, inputs, size_px)
        for each in self.file.controls:
            value = inputs.get(each.name, each.default)
            if each.is_in_pixels and isinstance(value, tuple):
                value = value[0] * size_px[0], value[1] * size_px[1]
            self._uniforms[self._names[each.name]] = value


def bands(size_px: tuple[int, int], band_px: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield rectangles (x, y, width, height) of about `band_px` pixels that cover the size; even,
    for derivatives."""
    width, height = size_px
    rows = max(2, band_px // width // 2 * 2)
    columns = width if band_px >= 2 * width else max(2, band_px // 4 * 2)
    for y in range(0, height, rows):
        for x in range(0, width, columns):
            yield x, y, min(columns, width - x), min(rows, height - y)


@cache
def copy_file() -> isf_file.IsfFile:
    """Return a shader that draws its input, stretched."""
    source = isf_file.IsfInput(
        name="inputImage", type="image", label="inputImage", default=0, minimum=0, maximum=0
    )
    declared = "uniform sampler2D inputImage;\n"
    return isf_file.IsfFile(
        path=None,
        title="shader",
        description="",
        credit="",
        categories=(),
        inputs=(source,),
        passes=(isf_file.IsfPass(target=None),),
        imports=(),
        texts=isf_file.ShaderTexts(
            vertex=isf_file.vertex_text(declared, isf_file.PLAIN_VERTEX),
            fragment=isf_file.fragment_text(
                declared, "void isf_main() { isf_FragColor = IMG_THIS_PIXEL(inputImage); }"
            ),
            names={"inputImage": "inputImage"},
            straight_units=0,
            is_guarded=False,
            has_holes=False,
        ),
    )
