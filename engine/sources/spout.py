"""Receives a Spout sender's picture (Windows), read back by Spout through the renderer's GL
context.

Row 0 is the top of the picture in Direct3D, as in ours, so nothing is inverted. SpoutGL takes
positional arguments only, and its `getSenderName` returns a width, so we keep the requested name.
"""

import ctypes
import locale
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engine.errors import SourceError
from engine.sources.texture import TextureSource
from engine.system.clock import Clock
from engine.system.installing import install_line
from engine.system.reporting import Report
from engine.system.win32 import read_shared_memory, without_standard_output

if TYPE_CHECKING:
    from SpoutGL import SpoutReceiver

PLATFORM = sys.platform
IS_INVERTED = False
NAME_BYTES = 256  # SpoutMaxSenderNameLen
HOST_FBO = 0  # rebound after a picture; the renderer binds its own before each draw
_IMPORTING = threading.Lock()


class SpoutSource(TextureSource):
    kind = "spout"

    def __init__(self, name: str, *, clock: Clock, report: Report) -> None:
        """SourceError on another system, or if the library is missing."""
        super().__init__(name, clock=clock, report=report)
        load_library(self.label)
        try:
            self._opengl = ctypes.CDLL("opengl32")
        except OSError as error:
            raise SourceError(
                f"{self.label}: needs OpenGL ({error}): install the graphics card's driver"
            ) from None
        self._opengl.wglGetCurrentContext.restype = ctypes.c_void_p
        self._receiver: SpoutReceiver | None = None
        self._spout_names: dict[str, str | bytes] = {}
        self._pixels: np.ndarray | None = None
        self._has_sender = False

    def names(self) -> list[str]:
        import SpoutGL

        receiver = self._receiver or SpoutGL.SpoutReceiver()  # created here, on the render thread
        self._receiver = receiver
        self._spout_names = sender_names(receiver)
        return list(self._spout_names)

    def connect(self, name: str) -> None:
        if not self._opengl.wglGetCurrentContext():
            raise SourceError(
                f"{self.label}: needs OpenGL, which this run does not use (--renderer gl)"
            )
        assert self._receiver is not None
        self._receiver.setReceiverName(self._spout_names.get(name, name))
        self._has_sender = True

    def receive(self) -> np.ndarray | None:
        from SpoutGL import enums

        assert self._receiver is not None
        is_received = self._receiver.receiveImage(
            self._pixels, enums.GL_RGBA, IS_INVERTED, HOST_FBO
        )
        # connected, or the size changed: the next call fills the array
        if self._receiver.isUpdated():
            self._pixels = np.zeros(
                (self._receiver.getSenderHeight(), self._receiver.getSenderWidth(), 4), np.uint8
            )
            return None
        if not self._receiver.isConnected():
            raise SourceError(f"{self.label}: the sender is gone")
        if not is_received or self._pixels is None or not self._receiver.isFrameNew():
            return None
        return np.asarray(cv2.cvtColor(self._pixels, cv2.COLOR_RGBA2RGB))

    def disconnect(self) -> None:
        self._pixels = None
        if self._has_sender and self._receiver is not None:
            self._has_sender = False
            self._receiver.releaseReceiver()


def open_list() -> Callable[[], list[str]]:
    """A function that lists the senders. Made and called on the render thread; needs no GL
    context."""
    import SpoutGL

    receiver: SpoutReceiver = SpoutGL.SpoutReceiver()
    return lambda: list(sender_names(receiver))


def sender_names(receiver: "SpoutReceiver") -> dict[str, str | bytes]:
    """The names of all senders, each with what SpoutGL takes for it.

    Spout's names are bytes, of which SpoutGL takes all for UTF-8: a single one in Windows' ANSI
    code page, as many programs write "Bühne", makes its list fail. Then they are read where Spout
    has them (SpoutSenderNames.h)."""
    try:
        return {name: name for name in receiver.getSenderList()}
    except UnicodeDecodeError:
        memory = read_shared_memory("SpoutSenderNames")
    entries = [memory[at : at + NAME_BYTES] for at in range(0, len(memory), NAME_BYTES)]
    names = [entry.partition(b"\0")[0] for entry in entries]
    return {_text_of(name): name for name in names if name}


def _text_of(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode(locale.getencoding(), "replace")


def load_library(label: str) -> None:
    """Import everything used later, so that no frame waits for an import. Any thread. SourceError
    on another system, or if the library is missing."""
    if PLATFORM != "win32":
        raise SourceError(f"{label}: needs Windows")
    try:
        import_spoutgl()
    except (ImportError, OSError) as error:
        install = install_line("SpoutGL")
        raise SourceError(
            f"{label}: needs SpoutGL ({error}): {install}, with Python 3.11 to 3.13"
        ) from None


def import_spoutgl() -> None:
    """Import it before a frame needs it. Its C runtime takes the standard output of this moment,
    none: what Spout prints ("loadComputeShaderExtensions failed") would wait in a blocked terminal,
    and the picture with it. Windows only. A pipe to the log gets it at the process's end, because
    the runtime then collects 4 KB."""
    # Without the lock two threads could restore each other's, none.
    with _IMPORTING, nullcontext() if "SpoutGL" in sys.modules else without_standard_output():
        import SpoutGL  # noqa: F401
        from SpoutGL import enums  # noqa: F401
