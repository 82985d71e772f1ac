"""Draws and reads back the middle of the published picture at the size of its reader, for SD.

On a GPU that is a pass of fit.glsl and a transfer of 1 MB (512 x 512) instead of 8 MB (1080p).
"""

from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.gl_textures import Target
from engine.render.picture import middle
from engine.render.readback import Readback
from engine.render.shader_source import compile_program


class FittedPicture:
    """For a GPU; a software rasteriser would be slower than its reader. Render thread, context current."""

    def __init__(self, context: moderngl.Context, finish: Callable[[], None]) -> None:
        self._context, self._finish = context, finish
        self._fit = context.vertex_array(compile_program(context, "fit"), [])
        self._size_px = (1, 1)
        self._target, self._readback = self._make(self._size_px)
        self._is_queued = False
        self._warm_up()

    def queue(self, picture: Target, size_px: tuple[int, int]) -> None:
        """Queue the pass and its transfer behind the drawing of `picture`."""
        if self._size_px != size_px:
            made, old = self._make(size_px), (self._target, self._readback)
            made[0].framebuffer.use()  # moderngl returns to what is bound: not to one that was released
            (self._target, self._readback), self._size_px = made, size_px
            for part in old:
                part.release()
        left, top, width, height = middle(picture.texture.size, size_px)
        program = self._fit.program
        program["u_part"] = left, top, width, height
        program["u_texels_per_px"] = width / size_px[0], height / size_px[1]
        picture.texture.use(0)
        self._target.framebuffer.use()
        self._fit.render(moderngl.TRIANGLES, vertices=3)
        self._readback.queue(self._target.framebuffer)
        self._is_queued = True

    def drop(self) -> None:
        """Forget what is queued: another picture will be drawn."""
        self._is_queued = False

    def read(self, picture: Target, size_px: tuple[int, int]) -> np.ndarray:
        """(height, width, 4) uint8, opaque, row 0 at the top; not overwritten while it is referenced.

        Waits unless it was queued in this size before the last wait. The picture must be finished.
        """
        if not self._is_queued or self._size_px != size_px:
            self.queue(picture, size_px)
            self._finish()  # waits without the GIL, so that the copy does not wait
        return self._readback.read(self._target.framebuffer)

    def release(self) -> None:
        self._fit.program.release()
        for part in (self._fit, self._target, self._readback):
            part.release()

    def _make(self, size_px: tuple[int, int]) -> tuple[Target, Readback]:
        target = Target(self._context, size_px)
        return target, Readback(self._context, self._finish, size_px, is_direct=False)

    def _warm_up(self) -> None:
        """Draw one pixel: drivers finish compiling at the first draw."""
        tiny = Target(self._context, (1, 1))
        self.queue(tiny, self._size_px)
        self._finish()
        tiny.release()
        self.drop()
