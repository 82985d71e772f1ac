"""A Spout sender's picture (Windows), read back by Spout through the renderer's GL context.

Direct3D's row 0 is the top of the picture, as ours is: nothing is inverted. SpoutGL takes arguments by position only,
and its `getSenderName` returns a width: the name is the one that was asked for.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engine.clock import Clock
from engine.errors import SourceError
from engine.sources.texture import TextureSource

if TYPE_CHECKING:
    from SpoutGL import SpoutReceiver

PLATFORM = sys.platform
IS_INVERTED = False
HOST_FBO = 0  # bound again after a picture; the renderer binds its own before each draw


class SpoutSource(TextureSource):
    kind = "spout"

    def __init__(self, name: str, *, clock: Clock, report: Callable[[str, str], None]) -> None:
        """SourceError on another system, or when the library is missing."""
        super().__init__(name, clock=clock, report=report)
        if PLATFORM != "win32":
            raise SourceError(f"{self.label}: needs Windows")
        try:
            import SpoutGL
            from SpoutGL import enums  # noqa: F401  here, so that no frame waits for an import

            self._opengl = ctypes.CDLL("opengl32")
        except (ImportError, OSError) as error:
            raise SourceError(
                f"{self.label}: needs SpoutGL ({error}): pip install SpoutGL, with Python 3.11 to 3.13"
            ) from None
        self._opengl.wglGetCurrentContext.restype = ctypes.c_void_p
        self._receiver: SpoutReceiver = SpoutGL.SpoutReceiver()
        self._pixels: np.ndarray | None = None
        self._has_sender = False

    def names(self) -> list[str]:
        return list(self._receiver.getSenderList())

    def connect(self, name: str) -> None:
        if not self._opengl.wglGetCurrentContext():
            raise SourceError(f"{self.label}: needs OpenGL; this run draws without (--renderer gl)")
        self._receiver.setReceiverName(name)
        self._has_sender = True

    def receive(self) -> np.ndarray | None:
        from SpoutGL import enums

        is_received = self._receiver.receiveImage(self._pixels, enums.GL_RGBA, IS_INVERTED, HOST_FBO)
        if self._receiver.isUpdated():  # the sender was found, or has another size: the next call fills the array
            self._pixels = np.zeros((self._receiver.getSenderHeight(), self._receiver.getSenderWidth(), 4), np.uint8)
            return None
        if not self._receiver.isConnected():
            raise SourceError(f"{self.label}: the sender is gone")
        if not is_received or self._pixels is None or not self._receiver.isFrameNew():
            return None
        return np.asarray(cv2.cvtColor(self._pixels, cv2.COLOR_RGBA2RGB))

    def disconnect(self) -> None:
        self._pixels = None
        if self._has_sender:
            self._has_sender = False
            self._receiver.releaseReceiver()
