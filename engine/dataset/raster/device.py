"""The GL context, its resources and its errors."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import moderngl
import numpy as np

from engine.errors import RenderError
from engine.render.context import open_context
from engine.render.shader_source import WHOLE_TARGET, compile_program

SHADERS = Path(__file__).parent / "shaders"
MOVED = "IS_MOVED"  # camera.glsl: a camera that is turned, or not above the origin
VIEW_BLOCK = 0  # binding of the uniform block `View`
_HINTS = {"GL_OUT_OF_MEMORY": ": too little memory on the GPU for this picture"}


_Thing = TypeVar("_Thing", bound=Any)


class Device:
    """Creates programs, buffers and targets, and releases them all on close. Single-threaded."""

    def __init__(
        self, context: moderngl.Context, undo: ExitStack, defines: tuple[str, ...] = ()
    ) -> None:
        self.context = context
        self._defines = defines
        self._undo = undo
        self.name: str = context.info["GL_RENDERER"]
        self.largest_px = min(
            context.info["GL_MAX_TEXTURE_SIZE"], *context.info["GL_MAX_VIEWPORT_DIMS"]
        )

    def own(self, thing: _Thing) -> _Thing:
        """Take over one of moderngl's objects: it is released on close."""
        self._undo.callback(thing.release)
        return thing

    def program(
        self, name: str, vertex: str, *, defines: tuple[str, ...] = (), **units: int
    ) -> moderngl.Program:
        """Compile a program; `defines`: more of its fragment shader. `units`: texture unit of each
        sampler, if used."""
        all_defines = (*self._defines, *defines)
        program = self.own(
            compile_program(self.context, name, all_defines, vertex=vertex, folder=SHADERS)
        )
        view = program.get("View", None)
        if isinstance(view, moderngl.UniformBlock):
            view.binding = VIEW_BLOCK
        for sampler, unit in units.items():
            if sampler in program:
                program[sampler] = unit
        return program

    def array(
        self,
        program: moderngl.Program,
        *contents: tuple[moderngl.Buffer, tuple[str, ...]],
        index: moderngl.Buffer | None = None,
    ) -> moderngl.VertexArray:
        """Bind float32 buffers, each described as `("/i" or "", "3f in_a", "2f in_b")`; attributes
        that the compiler dropped, which moderngl refuses, are skipped."""
        has = frozenset(program)  # `in program` would look at one member after another
        bound = []
        for buffer, (each, *attributes) in contents:
            pairs = [attribute.split() for attribute in attributes]
            form = " ".join(
                form if name in has else f"{4 * int(form[:-1])}x" for form, name in pairs
            )
            bound.append((buffer, form + each, *(name for _, name in pairs if name in has)))
        return self.own(self.context.vertex_array(program, bound, index))

    def pass_over_all(
        self, name: str, *, defines: tuple[str, ...] = (), **units: int
    ) -> moderngl.VertexArray:
        """A pass over the whole target; draw it with `render(vertices=3)`."""
        return self.own(
            self.context.vertex_array(
                self.program(name, WHOLE_TARGET, defines=defines, **units), []
            )
        )

    def buffer(self, data: np.ndarray) -> moderngl.Buffer:
        return self.own(self.context.buffer(np.ascontiguousarray(data)))

    def texture(
        self, size_px: tuple[int, int], components: int, dtype: str = "f1"
    ) -> moderngl.Texture:
        texture = self.own(self.context.texture(size_px, components, alignment=1, dtype=dtype))
        texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        texture.repeat_x = False
        texture.repeat_y = False
        return texture

    def framebuffer(self, colors: list[Any], depth: Any = None) -> moderngl.Framebuffer:
        return self.own(self.context.framebuffer(colors, depth))

    def check(self) -> None:
        """Raise RenderError for a GL error since the last call."""
        code = self.context.error
        if code != "GL_NO_ERROR":
            raise RenderError(f"the GL driver reports {code}{_HINTS.get(code, '')}")


@contextmanager
def open_device(defines: tuple[str, ...] = ()) -> Iterator[Device]:
    """Open a context for this block. `defines`: of every fragment shader. NoGLError if there is
    none; RenderError."""
    with ExitStack() as undo:
        context = open_context()
        undo.callback(context.release)
        try:
            device = Device(context, undo, defines)
            yield device
            device.check()
        except (moderngl.Error, MemoryError) as error:
            code = context.error  # moderngl names the failed call, the driver the reason
            message = " ".join(str(error).split()) or type(error).__name__
            raise RenderError(f"OpenGL: {message}{_HINTS.get(code, '')}") from error
