"""Publishes the picture as a Spout texture (Windows), shared on the GPU.

Spout's shared texture is a DirectX one, whose row 0 is the top, like ours: `invert` is False for
textures and pixels. SpoutGL takes positional arguments only. If a name is taken Spout adds a number
(`Multiverse_1`); the status shows the actual name. Without a GL context (CPU renderer) Spout
creates its own, shared by all its senders, and gets pixels. It follows changes of size by itself.
"""

import ctypes
import mmap
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import SinkError, SinkUnavailableError
from engine.sinks.registry import broken, require_available
from engine.sinks.sink import TITLES, OutputFormat, PictureName, Sink, SinkStatus
from engine.sources.spout import import_spoutgl, sender_names
from engine.values import PublishedFrame

if TYPE_CHECKING:
    from SpoutGL import SpoutSender

IS_INVERTED = False
HOST_FBO = 0  # rebound after a send; the renderer binds its own before each draw
REFUSALS_BEFORE_FAILURE = 3


class _OwnContext:
    """The context that Spout creates if the renderer has none. Later senders use it too, as they
    cannot tell it from a renderer's, so it must outlive the sender that created it."""

    def __init__(self) -> None:
        self.senders = 0
        self._maker: SpoutSender | None = None

    def join(self, sender: "SpoutSender") -> None:
        if not self.senders:
            if not sender.createOpenGL():
                raise SinkError(
                    "spout: Spout could not make an OpenGL context of its own; is a graphics "
                    "driver installed?"
                )
            self._maker = sender
        self.senders += 1

    def leave(self) -> None:
        self.senders -= 1
        if not self.senders and self._maker is not None:
            self._maker.closeOpenGL()
            self._maker = None


_OWN_CONTEXT = _OwnContext()  # render thread


class SpoutSink(Sink):
    kind = "spout"

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        self.name = argument or TITLES[picture]
        self._sender: SpoutSender | None = None
        self._names_before: frozenset[str] = frozenset()
        self._has_own_context = False
        self._has_sent_texture = False
        self._refusals = 0
        self._frames = 0
        self._transfer_mode = ""

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        require_available(self.kind)
        try:
            import_spoutgl()
            import SpoutGL

            opengl = ctypes.CDLL("opengl32")
        except (ImportError, OSError) as error:
            raise broken(self.kind, error) from error
        opengl.wglGetCurrentContext.restype = ctypes.c_void_p
        self._names_before = _sender_names()
        sender = self._sender = SpoutGL.SpoutSender()
        if _OWN_CONTEXT.senders or not opengl.wglGetCurrentContext():
            _OWN_CONTEXT.join(sender)
            self._has_own_context = True
        sender.setSenderName(self.name)

    def publish(self, frame: PublishedFrame) -> None:
        from SpoutGL import enums

        assert self._sender is not None
        texture = frame.texture
        if texture is not None and not self._has_own_context:
            is_sent = self._sender.sendTexture(
                texture.glo, texture.target, texture.width, texture.height, IS_INVERTED, HOST_FBO
            )
            self._has_sent_texture = True
        elif self._has_sent_texture:
            return  # the renderer failed: receivers keep the last picture
        else:  # Numba draws; the current context, if any, is that of its shaders
            pixels = np.ascontiguousarray(frame.read_rgba())
            is_sent = self._sender.sendImage(
                pixels, frame.width, frame.height, enums.GL_RGBA, IS_INVERTED, HOST_FBO
            )
        if not is_sent:
            self._refuse()
            return
        self._refusals = 0
        self._frames += 1
        if self._frames == 1:
            self._read_back_state()

    def close(self) -> None:
        sender = self._sender
        self._sender = None
        if sender is not None:
            try:
                sender.releaseSender()
            finally:
                if self._has_own_context:
                    _OWN_CONTEXT.leave()

    def status(self) -> SinkStatus:
        return SinkStatus(
            kind=self.kind, name=self.name, frames=self._frames, detail=self._transfer_mode
        )

    def _refuse(self) -> None:
        self._refusals += 1
        if self._refusals >= REFUSALS_BEFORE_FAILURE:
            raise SinkError(
                f"spout: {self._refusals} pictures in a row were refused ({self._sharing()}); "
                f"python.exe and the receiver must run on the same graphics card"
            )

    def _read_back_state(self) -> None:
        """After the first picture, ask Spout for our actual name and the sharing mode."""
        new = _sender_names() - self._names_before
        if self.name not in new:
            numbered = sorted(name for name in new if name.startswith(f"{self.name}_"))
            self.name = numbered[0] if numbered else self.name
        self._transfer_mode = self._sharing()
        if not is_shared(self.name):
            raise SinkUnavailableError(
                f"spout: this driver shares no Direct3D texture ({self._transfer_mode}), so other "
                "programs get no "
                "picture: update the graphics card's driver, or send it by NDI (--sink ndi)"
            )

    def _sharing(self) -> str:
        assert self._sender is not None
        interop = "ready" if self._sender.isGLDXReady() else "not available"
        return f"GL/DX interop {interop}, CPU share {'on' if self._sender.getCPUshare() else 'off'}"


def is_shared(name: str) -> bool:
    """False if Spout announced this sender without a texture, which it does not report: receivers
    see its name and get no picture. Reads the sender's SharedTextureInfo (Spout's
    SpoutSenderNames.h): handle and width, 4 bytes each."""
    with mmap.mmap(-1, 8, tagname=name, access=mmap.ACCESS_READ) as entry:  # type: ignore[call-arg, attr-defined, unused-ignore]  # exists on Windows only
        return any(entry[:4]) or not any(entry[4:])  # all zeros: Windows knows it by another name


def _sender_names() -> frozenset[str]:
    from SpoutGL import SpoutReceiver

    return frozenset(sender_names(SpoutReceiver()))
