"""Reads a drawn picture back into memory, without extra copies and without holding the GIL while the GPU works.

On a GPU in three steps: `glReadPixels` into a pixel buffer object, which only queues the transfer; `glFinish` through
ctypes, which waits for it while other threads run; then the buffer is mapped and copied. The usual pair of buffers,
where the older is read while the newer fills, is not used, because it is one picture late: a recording would pair each
picture with the next one's sound, a snapshot would miss its moment, and the last frame would never arrive. It would
only save waiting for the transfer (8 MB at 1080p, under a millisecond over PCIe). A software rasteriser's framebuffer
is in memory already and is read directly.
"""

from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.pixel_pool import PixelPool


class Readback:
    """Reads framebuffers of this size; `is_direct` for a software rasteriser, `is_deep` for 16 bits."""

    def __init__(
        self,
        context: moderngl.Context,
        finish: Callable[[], None],
        size_px: tuple[int, int],
        *,
        is_direct: bool,
        is_deep: bool = False,
    ) -> None:
        self._pool = PixelPool(*size_px, np.uint16 if is_deep else np.uint8)
        self._dtype, pixel_bytes = ("nu2", 8) if is_deep else ("f1", 4)
        self._finish = finish
        self._viewport = (0, 0, *size_px)  # the framebuffer may be larger
        self._transfer = None if is_direct else context.buffer(reserve=size_px[0] * size_px[1] * pixel_bytes)

    def read(self, framebuffer: moderngl.Framebuffer) -> np.ndarray:
        """(height, width, 4) uint8 (deep: uint16), row 0 at the top; not overwritten while it is referenced."""
        pixels = self._pool.take()
        if self._transfer is None:
            framebuffer.read_into(pixels, self._viewport, components=4, dtype=self._dtype)
        else:
            framebuffer.read_into(self._transfer, self._viewport, components=4, dtype=self._dtype)
            self._finish()  # waits without the GIL, so that the copy does not wait
            self._transfer.read_into(pixels)
        return pixels

    def release(self) -> None:
        if self._transfer is not None:
            self._transfer.release()
