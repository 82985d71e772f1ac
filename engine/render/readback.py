"""Reading a drawn picture back into memory, without a copy too many and without holding the GIL while the GPU works.

On a GPU in three steps: `glReadPixels` into a pixel buffer object, which only queues the transfer; `glFinish`
through ctypes, which waits for it while other threads run; then the buffer is mapped and copied out. The usual
pair of buffers, of which the older is read while the newer fills, is not used: it gives the picture before. A
recording would put each picture to the next one's sound, a snapshot would miss the moment it was asked for, the
last frame of a run would never come, and all that is saved is the wait for the transfer (8 MB at 1080p, under a
millisecond over PCIe) that no one but the frame loop feels. A software rasteriser's framebuffer is in memory
already: read at once.
"""

from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.pixel_pool import PixelPool


class Readback:
    """Reads this size from framebuffers drawn into before; `is_direct` on a software rasteriser."""

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
        self._viewport = (0, 0, *size_px)  # the framebuffer may be larger
        self._transfer = None if is_direct else context.buffer(reserve=size_px[0] * size_px[1] * 4)

    def read(self, framebuffer: moderngl.Framebuffer) -> np.ndarray:
        """(height, width, 4) uint8, row 0 at the top; not written again while anybody holds it."""
        pixels = self._pool.take()
        if self._transfer is None:
            framebuffer.read_into(pixels, self._viewport, components=4)
        else:
            framebuffer.read_into(self._transfer, self._viewport, components=4)
            self._finish()  # without the GIL; the copy below then finds everything there
            self._transfer.read_into(pixels)
        return pixels

    def release(self) -> None:
        if self._transfer is not None:
            self._transfer.release()
