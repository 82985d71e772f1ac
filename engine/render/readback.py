"""Reading a drawn picture back into memory, without a copy too many and without holding the GIL while the GPU works."""

from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.pixel_pool import PixelPool


class Readback:
    """Reads framebuffers of one size.

    On a GPU through a pixel buffer object: the transfer is queued, waited for through `finish` (which lets
    other threads run) and copied out. It is this frame's picture that comes, not the one before: a lag of one
    frame would put a snapshot's or a recording's picture to the wrong sound, and would save no more than the
    wait for the transfer. A software rasteriser's framebuffer is in memory already: read at once.
    """

    def __init__(
        self,
        context: moderngl.Context,
        finish: Callable[[], None],
        size_px: tuple[int, int],
        *,
        is_direct: bool,
    ) -> None:
        self._pool = PixelPool(*size_px)
        self._finish = finish
        self._transfer = None if is_direct else context.buffer(reserve=size_px[0] * size_px[1] * 4)

    def read(self, framebuffer: moderngl.Framebuffer) -> np.ndarray:
        """(height, width, 4) uint8, row 0 at the top; not written again while anybody holds it."""
        pixels = self._pool.take()
        if self._transfer is None:
            framebuffer.read_into(pixels, components=4)
        else:
            framebuffer.read_into(self._transfer, components=4)
            self._finish()
            self._transfer.read_into(pixels)
        return pixels

    def release(self) -> None:
        if self._transfer is not None:
            self._transfer.release()
