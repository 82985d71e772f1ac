"""Publishes a finished picture with OpenGL: measures its light for the flash guard, then fades, limits and dithers it.

Pictures are drawn in 16 bits per channel (gl_targets.py). All that leaves the renderer as a texture has 8, as other
programs expect, dithered with blue noise (blue_noise.py); a recording may ask for all 16 bits.
"""

from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.blue_noise import thresholds
from engine.render.flash_guard import NO_LIMITS
from engine.render.flash_levels import sample_jitter
from engine.render.gl_targets import SizedTargets, deepest_dtype
from engine.render.gl_textures import CellTarget, Target, limits_texture
from engine.render.master import Finish
from engine.render.shader_source import compile_program, uniform

_CURRENT, _LIMITS, _NOISE = range(3)


class Publisher:
    """Programs and textures for the last step of any picture. Render thread, context current."""

    def __init__(self, context: moderngl.Context) -> None:
        self.dtype = deepest_dtype(context)
        self._context = context
        self._fade = self._program()
        self._limit = self._program("LIMITS")
        self._deep_fade = self._program("DEEP")
        self._deep_limit = self._program("DEEP", "LIMITS")
        program = compile_program(context, "flash_cells")
        program["u_picture"] = _CURRENT
        uniform(program, "u_jitter").write(sample_jitter())
        self._sum_cells = context.vertex_array(program, [])
        self._limits = limits_texture(context)
        noise = thresholds()
        self._noise = context.texture(noise.shape, 1, noise.tobytes(), dtype="f4")
        self._noise.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._cells = CellTarget(context)
        self._published: Target | None = None
        self._tiny = Target(context, (1, 1), dtype=self.dtype)  # released last: moderngl returns to a bound target

    def read_cells(self, picture: Target) -> np.ndarray:
        """Read the light of the cells. Call it after the picture is drawn: otherwise moderngl waits holding the GIL."""
        self._sum_cells.program["u_size_px"] = picture.texture.size
        picture.texture.use(_CURRENT)
        self._cells.framebuffer.use()
        self._sum_cells.render(moderngl.TRIANGLES, vertices=3)
        return self._cells.read_cells()

    def draw(self, picture: Target, finish: Finish, targets: SizedTargets, *, is_luma: bool) -> Target:
        """Draw the published picture in 8 bits, alternately into two targets, so that the previous one stays valid for
        a frame."""
        first, second = targets.finished
        self._published = second if self._published is first else first
        self._draw(picture, finish, self._limit if finish.limits else self._fade, self._published, is_luma)
        return self._published

    def draw_deep(self, picture: Target, finish: Finish, into: Target, *, is_luma: bool) -> None:
        """Draw the same in 16 bits."""
        self._draw(picture, finish, self._deep_limit if finish.limits else self._deep_fade, into, is_luma)

    def warm_up(self, picture: Target, targets: SizedTargets, finish: Callable[[], None]) -> None:
        """Draw one pixel with each program."""
        self.read_cells(picture)
        for limits in (None, NO_LIMITS):
            self.draw(picture, Finish(1.0, limits), targets, is_luma=False)
            self.draw_deep(picture, Finish(1.0, limits), self._tiny, is_luma=False)
        finish()

    def release(self) -> None:
        for vertices in (self._fade, self._limit, self._deep_fade, self._deep_limit, self._sum_cells):
            vertices.program.release()
            vertices.release()
        for part in (self._limits, self._noise, self._cells, self._tiny):
            part.release()

    def _draw(
        self, picture: Target, finish: Finish, publish: moderngl.VertexArray, into: Target, is_luma: bool
    ) -> None:
        publish.program["u_fade"] = finish.fade
        publish.program["u_is_luma"] = is_luma
        if finish.limits is not None:
            width, height = picture.texture.size
            publish.program["u_pictures_per_px"] = 1 / width, 1 / height
            self._limits.write(finish.limits.maps)
            self._limits.use(_LIMITS)
        picture.texture.use(_CURRENT)
        self._noise.use(_NOISE)
        into.framebuffer.use()
        publish.render(moderngl.TRIANGLES, vertices=3)

    def _program(self, *features: str) -> moderngl.VertexArray:
        program = compile_program(self._context, "publish", features)
        for name, unit in {"u_current": _CURRENT, "u_limits": _LIMITS, "u_noise": _NOISE}.items():
            if name in program:
                program[name] = unit
        return self._context.vertex_array(program, [])
