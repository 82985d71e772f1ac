"""Draws one ISF shader with OpenGL: its passes, and at the end its mix with the picture beneath.

All sizes are in pixels. Render thread, the context current.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import moderngl

from engine.render.isf.gl_images import OwnTargets, PassTarget
from engine.render.isf.isf_file import Input, IsfFile
from engine.render.isf.linked import BENEATH, LinkedProgram
from engine.render.isf.parse import parse_isf
from engine.render.isf.sizes import is_float, output_size, target_sizes
from engine.render.isf.translate import translate

RAW, OVER, EFFECT, COUNT = range(4)
"""How the last pass ends: `isf_finish` in shaders/fragment.glsl."""


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
        self._names = translate(file).names
        self._uniforms: dict[str, Input] = {"isf_max_steps": file.max_loop_steps, "isf_is_opaque": file.is_opaque}
        self._linked: dict[str, LinkedProgram] = {}
        self._targets = OwnTargets(context, file)
        self._sampler = context.sampler(repeat_x=False, repeat_y=False, filter=(moderngl.LINEAR, moderngl.LINEAR))
        self._imports = {each.name: context.texture(each.pixels.shape[1::-1], 4, each.pixels) for each in file.imports}
        last = file.passes[-1]
        # Pixels that keep what was drawn before would not be mixed with the picture beneath.
        self._has_holes = "discard" in file.fragment or "gl_Position" in (file.vertex or "")
        is_copied = self._has_holes or last.target is not None or last.width is not None or last.height is not None
        self._copy = IsfProgram(context, copy_file(), wait) if is_copied else None
        self._output: PassTarget | None = None
        self._linked_for(self._kind(0))

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
                self._run_into(self._targets[each.target], number, images, canvas)
            elif number == last and self._copy is None:
                self._run(number, canvas.framebuffer, canvas.size_px, images, canvas, canvas.finish)
            elif number == last:
                self._run_into(self._own_output(output_size(self.file, inputs, canvas.size_px)), number, images, canvas)
        if self._copy is not None:
            name = self.file.passes[-1].target
            shown = self._targets[name] if name is not None else self._output
            assert shown is not None
            texture = shown.texture
            self._copy.draw(canvas, {}, lambda _: texture, moment)

    def set_opaque(self, is_opaque: bool) -> None:
        """Ignore the shader's alpha from now on, or not."""
        self._uniforms["isf_is_opaque"] = is_opaque
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
            self._run(step, framebuffer, size_px, images, canvas, RAW if own else canvas.finish)
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
        for linked in self._linked.values():
            linked.release()
        for part in (self._targets, self._sampler):
            part.release()

    def _own_output(self, size_px: tuple[int, int]) -> PassTarget:
        if self._output is None or self._output.size_px != size_px:
            if self._output is not None:
                self._output.release()
            self._output = PassTarget(self._context, size_px, "f1")
        return self._output

    def _kind(self, number: int) -> str:
        """The format that this pass draws into, by name.

        Each has a program of its own: Mesa's cache finds only the first variant of a program again.
        """
        target = self.file.passes[number].target
        if target is None:
            return "canvas" if self._copy is None else "f1"
        return "f4" if is_float(self.file, target) else "f1"

    def _linked_for(self, kind: str) -> LinkedProgram:
        if kind not in self._linked:
            self._linked[kind] = LinkedProgram(self._context, self.file)
        return self._linked[kind]

    def _run_into(
        self, target: PassTarget, number: int, images: Callable[[str], moderngl.Texture], canvas: Canvas
    ) -> None:
        self._run(number, target.coming, target.size_px, images, canvas, RAW)
        target.turn()
        if self._wait is not None:
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
        """Draw one pass. moderngl binds new textures to any unit, so all are bound before each draw."""
        linked = self._linked_for(self._kind(number))
        for name, unit in linked.units.items():
            texture = canvas.beneath if name == BENEATH else self._texture(name, images)
            texture.use(unit)
            self._sampler.use(unit)
        framebuffer.use()
        framebuffer.viewport = (0, 0, *size_px)
        if self._has_holes:
            framebuffer.clear()
        told: dict[str, Input] = {"PASSINDEX": number, "RENDERSIZE": size_px, "isf_finish": finish}
        told |= {"isf_mix": canvas.mix, "isf_is_luma": canvas.is_luma}
        linked.run(self._uniforms | told)
        for unit in linked.units.values():
            self._sampler.clear(unit)

    def _texture(self, name: str, images: Callable[[str], moderngl.Texture]) -> moderngl.Texture:
        if name in self._targets:
            return self._targets[name].texture
        return self._imports[name] if name in self._imports else images(name)

    def _set_values(self, inputs: Mapping[str, Input], moment: Moment, size_px: tuple[int, int]) -> None:
        self._uniforms["TIME"] = moment.time_s
        self._uniforms["TIMEDELTA"] = moment.delta_s
        self._uniforms["FRAMEINDEX"] = moment.frame
        self._uniforms["DATE"] = moment.date
        for each in self.file.controls:
            value = inputs.get(each.name, each.default)
            if each.is_in_pixels and isinstance(value, tuple):
                value = value[0] * size_px[0], value[1] * size_px[1]
            self._uniforms[self._names[each.name]] = value


@cache
def copy_file() -> IsfFile:
    """A shader that shows its input, stretched."""
    header = '/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/'
    return parse_isf(header + "void main() { gl_FragColor = IMG_THIS_PIXEL(inputImage); }", path=None)
