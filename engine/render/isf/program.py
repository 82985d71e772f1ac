"""Draws one ISF shader with OpenGL: its passes, and at the end its mix with the picture beneath.

All sizes are in pixels. Render thread, the context current.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import moderngl

from engine.errors import IsfError
from engine.render.isf.gl_images import OwnTargets, PassTarget
from engine.render.isf.isf_file import Input, IsfFile
from engine.render.isf.parse import parse_isf
from engine.render.isf.sizes import output_size, target_sizes
from engine.render.isf.translate import FRAGMENT_FILE, VERTEX_FILE, translate

RAW, OVER, EFFECT, COUNT = range(4)
"""How the last pass ends: `isf_finish` in shaders/fragment.glsl."""
BENEATH: Final = "isf_beneath"
MAX_REASON_CHARS: Final = 300

# Mesa writes 0:14(3): error, NVIDIA and AMD 0(14) : error, Apple ERROR: 0:14: error; the 0 is the number from #line.
_PLACE = re.compile(
    r"^(?:ERROR: )?(?P<file>\d+)[:(](?P<line>\d+)(?:\(\d+\))?\)?\s*:?\s*(?:error\s*)?:?\s*(?P<reason>.*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a picture is drawn."""

    time_s: float = 0.0
    """Since the shader began."""
    delta_s: float = 0.0
    """Since its last picture; 0 for the first."""
    frame: int = 0
    date: tuple[float, float, float, float] = (2000.0, 1.0, 1.0, 0.0)
    """Year, month, day, seconds of the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """Where a shader's picture goes."""

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

    def __init__(self, context: moderngl.Context, file: IsfFile, wait: Callable[[], None] | None = None) -> None:
        """Compile. IsfError with the line of the driver's first complaint. `wait` is called between passes, where each
        would otherwise wait for the last one holding the GIL (a software rasteriser)."""
        self.file = file
        self._context = context
        self._wait = wait
        self._inputs = {each.name: each for each in file.inputs}
        self._names = translate(file).names
        self._program = _compile(context, file)
        self._vertices = context.vertex_array(self._program, [])
        self._targets = OwnTargets(context, file)
        self._sampler = context.sampler(repeat_x=False, repeat_y=False, filter=(moderngl.LINEAR, moderngl.LINEAR))
        self._imports = {each.name: context.texture(each.pixels.shape[1::-1], 4, each.pixels) for each in file.imports}
        self._units = self._bind_units()
        last = file.passes[-1]
        # Pixels that keep what was drawn before would not be mixed with the picture beneath.
        self._has_holes = "discard" in file.fragment or "gl_Position" in (file.vertex or "")
        is_copied = self._has_holes or last.target is not None or last.width is not None or last.height is not None
        self._copy = IsfProgram(context, copy_file(), wait) if is_copied else None
        self._output: PassTarget | None = None
        self._set("isf_max_steps", file.max_loop_steps)
        self.set_opaque(file.is_opaque)

    def draw(
        self, canvas: Canvas, inputs: Mapping[str, Input], images: Callable[[str], moderngl.Texture], moment: Moment
    ) -> None:
        """Draw all passes, the last one into the canvas. `images` gives the texture of an image input by its name.

        IsfError if its targets are too large with these inputs.
        """
        self._targets.follow(target_sizes(self.file, inputs, canvas.size_px))
        self._set_values(inputs, moment, canvas.size_px)
        last = len(self.file.passes) - 1
        for number, each in enumerate(self.file.passes):
            if each.target is not None:
                self._run_into(self._targets[each.target], number, images)
            elif number == last and self._copy is None:
                self._run(number, canvas.framebuffer, canvas.size_px, images, canvas)
            elif number == last:
                self._run_into(self._own_output(output_size(self.file, inputs, canvas.size_px)), number, images)
        if self._copy is not None:
            name = self.file.passes[-1].target
            shown = self._targets[name] if name is not None else self._output
            assert shown is not None
            texture = shown.texture
            self._copy.draw(canvas, {}, lambda _: texture, moment)

    def set_opaque(self, is_opaque: bool) -> None:
        """Ignore the shader's alpha from now on, or not."""
        self._set("isf_is_opaque", is_opaque)
        if self._copy is not None:
            self._copy.set_opaque(is_opaque)

    @property
    def counts_rounds(self) -> bool:
        """True if a canvas with COUNT gets the rounds of its loops: if the last pass draws straight into it."""
        return self._copy is None

    @property
    def warm_steps(self) -> int:
        """Number of `warm` calls until nothing is left to compile."""
        return len(self.file.passes) + (1 if self._copy is not None else 0)

    def warm(
        self, step: int, canvas: Canvas, inputs: Mapping[str, Input], images: Callable[[str], moderngl.Texture]
    ) -> None:
        """Draw one pixel of one pass: drivers finish compiling at the first draw, for the bound formats. Steps from 0.

        The shader's textures are allocated in step 0 and black after the last one. IsfError as in `draw`.
        """
        if step == 0:
            self._targets.follow(target_sizes(self.file, inputs, canvas.size_px))
            self._set_values(inputs, Moment(), canvas.size_px)
        if step < len(self.file.passes):
            target = self.file.passes[step].target
            own: PassTarget | None
            if target is None and self._copy is not None:
                own = self._own_output(output_size(self.file, inputs, canvas.size_px))
            else:
                own = self._targets[target] if target is not None else None
            framebuffer, size_px = (own.coming, own.size_px) if own else (canvas.framebuffer, canvas.size_px)
            framebuffer.scissor = (0, 0, 1, 1)
            self._run(step, framebuffer, size_px, images, None if own else canvas)
            framebuffer.scissor = None  # type: ignore[assignment]  # None: all of it again
            if own:
                framebuffer.clear()
        elif self._copy is not None:
            self._copy.warm(0, canvas, {}, lambda name: canvas.beneath)

    def release(self) -> None:
        if self._copy is not None:
            self._copy.release()
        if self._output is not None:
            self._output.release()
        for texture in self._imports.values():
            texture.release()
        for part in (self._targets, self._sampler, self._vertices, self._program):
            part.release()

    def _own_output(self, size_px: tuple[int, int]) -> PassTarget:
        if self._output is None or self._output.size_px != size_px:
            if self._output is not None:
                self._output.release()
            self._output = PassTarget(self._context, size_px, "f1")
        return self._output

    def _run_into(self, target: PassTarget, number: int, images: Callable[[str], moderngl.Texture]) -> None:
        self._run(number, target.coming, target.size_px, images, None)
        target.turn()
        if self._wait is not None:
            self._wait()

    def _run(
        self,
        number: int,
        framebuffer: moderngl.Framebuffer,
        size_px: tuple[int, int],
        images: Callable[[str], moderngl.Texture],
        canvas: Canvas | None,
    ) -> None:
        """Draw one pass. moderngl binds new textures to any unit, so all are bound before each draw."""
        self._set("PASSINDEX", number)
        self._set("RENDERSIZE", size_px)
        self._set("isf_finish", canvas.finish if canvas is not None else RAW)
        self._set("isf_mix", canvas.mix if canvas is not None else 1.0)
        self._set("isf_is_luma", canvas.is_luma if canvas is not None else False)
        for name, unit in self._units.items():
            if name == BENEATH:
                texture = canvas.beneath if canvas is not None else None
            else:
                texture = self._texture(name, images)
            if texture is not None:
                texture.use(unit)
                self._sampler.use(unit)
        framebuffer.use()
        framebuffer.viewport = (0, 0, *size_px)
        if self._has_holes:
            framebuffer.clear()
        self._vertices.render(moderngl.TRIANGLE_STRIP, vertices=4)
        for unit in self._units.values():
            self._sampler.clear(unit)

    def _texture(self, name: str, images: Callable[[str], moderngl.Texture]) -> moderngl.Texture:
        if name in self._targets:
            return self._targets[name].texture
        return self._imports[name] if name in self._imports else images(name)

    def _bind_units(self) -> dict[str, int]:
        """Texture unit by name, for the images that the compiled shader reads."""
        wanted = [name for name, glsl in self._names.items() if glsl in self._program and self._is_image(name)]
        wanted += [BENEATH] if BENEATH in self._program else []
        most = self._context.info["GL_MAX_TEXTURE_IMAGE_UNITS"]
        if len(wanted) > most:
            raise IsfError(f"the shader reads {len(wanted)} images: this GPU binds at most {most}")
        for unit, name in enumerate(wanted):
            self._program[self._names.get(name, name)] = unit
        return {name: unit for unit, name in enumerate(wanted)}

    def _is_image(self, name: str) -> bool:
        return self._inputs[name].is_image if name in self._inputs else True

    def _set_values(self, inputs: Mapping[str, Input], moment: Moment, size_px: tuple[int, int]) -> None:
        self._set("TIME", moment.time_s)
        self._set("TIMEDELTA", moment.delta_s)
        self._set("FRAMEINDEX", moment.frame)
        self._set("DATE", moment.date)
        for each in self.file.controls:
            value = inputs.get(each.name, each.default)
            if each.is_in_pixels and isinstance(value, tuple):
                value = value[0] * size_px[0], value[1] * size_px[1]
            self._set(self._names[each.name], value)

    def _set(self, name: str, value: Input) -> None:
        """Set a uniform; nothing if the compiler removed it."""
        if name in self._program:
            self._program[name] = value


def _compile(context: moderngl.Context, file: IsfFile) -> moderngl.Program:
    texts = translate(file)
    try:
        return context.program(vertex_shader=texts.vertex, fragment_shader=texts.fragment)
    except moderngl.Error as error:
        raise _explained(str(error)) from error


def _explained(message: str) -> IsfError:
    """The driver's first complaint about the author's text."""
    lines = [line.strip() for line in message.splitlines() if line.strip(" =") and not line.strip().isidentifier()]
    for line in lines:
        place = _PLACE.match(line)
        if place is not None and "warning" not in line:
            reason = place["reason"].strip()[:MAX_REASON_CHARS]
            if int(place["file"]) == VERTEX_FILE:
                return IsfError(f"vertex shader, line {place['line']}: {reason}")
            if int(place["file"]) == FRAGMENT_FILE:
                return IsfError(reason, int(place["line"]))
    told = " ".join(line for line in lines if "warning" not in line and line != "GLSL Compiler failed")
    return IsfError(f"the GL driver rejects the shader: {told[:MAX_REASON_CHARS]}")


@cache
def copy_file() -> IsfFile:
    """A shader that shows its input, stretched."""
    header = '/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/'
    return parse_isf(header + "void main() { gl_FragColor = IMG_THIS_PIXEL(inputImage); }", path=None)
