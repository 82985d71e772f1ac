"""Reads a drawn picture back into memory, without extra copies and without holding the GIL while
the GPU works.

On a GPU in three steps: `glReadPixels` into a pixel buffer object, which only queues the transfer,
with the drawing if it is known then that the picture will be read; `glFinish` through ctypes, which
waits for it while other threads run; then the buffer is mapped and copied. The usual pair of
buffers, where the older is read while the newer fills, is not used, because it is one picture late:
a recording would pair each picture with the next one's sound, a snapshot would miss its moment, and
the last frame would never arrive. It would only save waiting for the transfer (8 MB at 1080p, under
a millisecond over PCIe). A software rasteriser's framebuffer is in memory already and is read
directly.
"""

import ctypes
from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.compat_moderngl import load_of
from engine.render.pixel_pool import PixelPool

_COPY_WRITE_BUFFER = 0x8F37
_STREAM_READ = 0x88E1
_DTYPES: dict[str, type[np.generic]] = {"f1": np.uint8, "nu2": np.uint16, "f4": np.float32}


class Readback:
    """Reads framebuffers of this size; `is_direct` for a software rasteriser. `dtype`: moderngl's
    name of a channel."""

    def __init__(
        self,
        context: moderngl.Context,
        finish: Callable[[], None],
        size_px: tuple[int, int],
        *,
        is_direct: bool,
        dtype: str = "f1",
    ) -> None:
        self._pool = PixelPool(*size_px, _DTYPES[dtype])
        self._dtype = dtype
        self._finish = finish
        self._viewport = (0, 0, *size_px)  # the framebuffer may be larger
        size_bytes = size_px[0] * size_px[1] * 4 * np.dtype(_DTYPES[dtype]).itemsize
        self._transfer = None if is_direct else stream_buffer(context, size_bytes)
        self._queued: moderngl.Framebuffer | None = None
        self._was_read = False
        # pictures since the last that was read, and between it and the one before
        self._since = 0
        self._apart = 0

    def queue(self, framebuffer: moderngl.Framebuffer) -> None:
        """Queue the transfer behind the drawing; after `finish`, `read` only copies. Not needed if
        direct."""
        if self._transfer is not None:
            framebuffer.read_into(self._transfer, self._viewport, components=4, dtype=self._dtype)
            self._queued = framebuffer

    def next_picture(self) -> None:
        """Drop the queued transfer: its framebuffer will be drawn into again."""
        self._queued = None
        if self._was_read:
            self._apart = self._since
            self._since = 0
        self._was_read = False
        self._since += 1

    @property
    def expects_read(self) -> bool:
        """True if a read is expected: this picture is as far from the last read one as that was
        from the previous one.

        This predicts recordings, and previews of every fourth picture. A wrong guess costs a
        transfer or a wait."""
        return self._since == self._apart

    def read(self, framebuffer: moderngl.Framebuffer) -> np.ndarray:
        """Read a finished picture: (height, width, 4) uint8, or as `dtype` says, row 0 at the top.

        A queued transfer must be finished, too. The array is not overwritten while it is
        referenced."""
        if self._transfer is not None and self._queued is not framebuffer:
            return self.finish_and_read(framebuffer)
        self._was_read = True
        pixels = self._pool.take()
        if self._transfer is None:
            framebuffer.read_into(pixels, self._viewport, components=4, dtype=self._dtype)
        else:
            self._transfer.read_into(pixels)
        return pixels

    def finish_and_read(self, framebuffer: moderngl.Framebuffer) -> np.ndarray:
        """Read a picture that may be unfinished: waits for it and for the transfer without holding
        the GIL."""
        self.queue(framebuffer)
        self._finish()
        return self.read(framebuffer)

    def release(self) -> None:
        if self._transfer is not None:
            self._transfer.release()


def stream_buffer(context: moderngl.Context, size_bytes: int) -> moderngl.Buffer:
    """A buffer that the GPU writes once and the program reads once: drivers keep it in the
    computer's own memory.

    moderngl declares all buffers as written by the program, which drivers keep in the GPU's memory:
    slow to read."""
    buffer = context.buffer(reserve=size_bytes)
    load = load_of(context)
    bind = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint)(load("glBindBuffer"))
    allocate = ctypes.CFUNCTYPE(
        None, ctypes.c_uint, ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_uint
    )
    bind(_COPY_WRITE_BUFFER, buffer.glo)
    allocate(load("glBufferData"))(_COPY_WRITE_BUFFER, size_bytes, None, _STREAM_READ)
    bind(_COPY_WRITE_BUFFER, 0)
    return buffer
