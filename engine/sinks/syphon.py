"""Publishes the picture as a Syphon texture (macOS), on the GPU.

Syphon takes memory row 0 as the bottom of the picture, in GL and in Metal; ours is the top, so
`is_flipped=True`. A context made by moderngl has no NSOpenGLContext, which syphon-python would look
for, so we pass its CGL pointer. Without GL, or after three GL errors in a row, pixels go through
Syphon's Metal server instead.
"""

import ctypes
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import SinkError
from engine.sinks.registry import broken, require_available
from engine.sinks.sink import TITLES, OutputFormat, PictureName, Sink, SinkStatus
from engine.values import PublishedFrame, TextureRef

if TYPE_CHECKING:
    from types import ModuleType

    from syphon import SyphonMetalServer, SyphonOpenGLServer

OPENGL = "/System/Library/Frameworks/OpenGL.framework/OpenGL"
CGL_CONTEXT_ENCODING = b"^{_CGLContextObject=}"  # Objective-C type encoding, as in syphon-python
PROCESS_NAME = "Multiverse"
GL_ERRORS_BEFORE_METAL = 3
GL_ERROR_FLAGS = 8  # flags a driver may have set; without a context it reports errors endlessly
METAL_TEXTURES = 3  # gives the GPU two frames to copy a texture before it is overwritten


def application_name() -> str:
    """The application name under which receivers list our servers; "" if there is none. Creates a
    private server, reads its description and stops it. SinkUnavailableError or SinkError if Syphon
    cannot run."""
    require_available("syphon")
    try:
        import Foundation
        import syphon
    except ImportError as error:
        raise broken("syphon", error) from error
    _name_process(Foundation)
    try:
        server = syphon.SyphonMetalServer(PROCESS_NAME, is_private=True)
    except RuntimeError as error:
        raise SinkError(f"syphon: {error}") from error
    name: str = server.server_description.app_name
    server.stop()
    return name


def _name_process(foundation: "ModuleType") -> None:
    """Set the name of this process, Syphon's fallback for the application's name.

    Syphon first uses `NSRunningApplication.currentApplication.localizedName`, which cannot be set:
    it is the name of the running bundle ("Python" if `python3` is from python.org or Homebrew) or
    of the executable ("python3.12"). The process's name is used only if macOS knows no such
    application. (SyphonServerBase.m, `serverDescription`.)"""
    foundation.NSProcessInfo.processInfo().setProcessName_(PROCESS_NAME)


class SyphonSink(Sink):
    kind = "syphon"

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        self.name = argument or TITLES[picture]
        self._gl_server: SyphonOpenGLServer | None = None
        self._metal_server: SyphonMetalServer | None = None
        self._metal_textures: cycle[Any] = cycle(())
        self._metal_size = (0, 0)
        self._context = 0
        self._gl_errors = 0
        self._frames = 0
        self._transfer_mode = ""
        self._application = ""

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        require_available(self.kind)
        try:
            import CoreFoundation  # noqa: F401  everything used later, so that no frame waits for it
            import Foundation
            import objc
            import syphon
            import syphon.utils.numpy
            import syphon.utils.raw

            self._gl = ctypes.CDLL(OPENGL)
        except (ImportError, OSError) as error:
            raise broken(self.kind, error) from error
        _name_process(Foundation)
        self._gl.CGLGetCurrentContext.restype = ctypes.c_void_p
        self._gl.CGLSetCurrentContext.argtypes = [ctypes.c_void_p]
        self._context = self._gl.CGLGetCurrentContext() or 0
        try:
            if self._context:
                pointer_type = objc.createOpaquePointerType(
                    "CGLContextObj", CGL_CONTEXT_ENCODING, "CGL context"
                )
                self._gl_server = syphon.SyphonOpenGLServer(
                    self.name, pointer_type(c_void_p=self._context)
                )
                self._transfer_mode = "on the GPU"
            else:
                self._open_metal("no GL: through Metal")
        except (RuntimeError, ImportError) as error:
            raise SinkError(f"syphon: {error}") from error
        server = self._gl_server or self._metal_server
        assert server is not None
        self._application = server.server_description.app_name

    def publish(self, frame: PublishedFrame) -> None:
        import objc

        with objc.autorelease_pool():  # otherwise Objective-C objects accumulate each frame
            if frame.texture is None and self._gl_server is not None:
                if self._frames:
                    return  # the renderer failed: receivers keep the last picture
                self._stop_gl_server()
                self._open_metal("Numba draws: through Metal")
            if self._gl_server is not None and frame.texture is not None:
                self._publish_texture(frame.texture)
            else:
                self._publish_pixels(frame.read_rgba())
        self._frames += 1

    def pump(self) -> None:
        """Run macOS's run loop: without it receivers that start later never see the server."""
        import CoreFoundation
        import objc

        with objc.autorelease_pool():
            CoreFoundation.CFRunLoopRunInMode(CoreFoundation.kCFRunLoopDefaultMode, 0, True)

    def close(self) -> None:
        self._stop_gl_server()
        metal_server = self._metal_server
        self._metal_server = None
        if metal_server is not None:
            metal_server.stop()

    def status(self) -> SinkStatus:
        detail = (
            f"{self._transfer_mode}; application name: {self._application}"
            if self._application
            else self._transfer_mode
        )
        return SinkStatus(kind=self.kind, name=self.name, frames=self._frames, detail=detail)

    def _publish_texture(self, texture: TextureRef) -> None:
        assert self._gl_server is not None
        self._take_gl_error()  # discard the renderer's errors, which are not Syphon's
        self._gl_server.publish_frame_texture(
            texture.glo,
            size=(texture.width, texture.height),
            is_flipped=True,
            target=texture.target,
        )
        self._make_current(self._context)
        error = self._take_gl_error()
        self._gl_errors = self._gl_errors + 1 if error else 0
        if self._gl_errors >= GL_ERRORS_BEFORE_METAL:
            self._stop_gl_server()
            self._open_metal(
                f"through Metal, after GL error {error:#x} {self._gl_errors} times in a row"
            )

    def _publish_pixels(self, pixels: np.ndarray) -> None:
        from syphon.utils.numpy import copy_image_to_mtl_texture
        from syphon.utils.raw import create_mtl_texture

        assert self._metal_server is not None
        height, width = pixels.shape[:2]
        if (width, height) != self._metal_size:
            device = self._metal_server.device
            self._metal_size = (width, height)
            self._metal_textures = cycle(
                [create_mtl_texture(device, width, height) for _ in range(METAL_TEXTURES)]
            )
        texture = next(self._metal_textures)
        copy_image_to_mtl_texture(pixels, texture)
        self._metal_server.publish_frame_texture(texture, size=(width, height), is_flipped=True)

    def _stop_gl_server(self) -> None:
        """Stop the server and restore the context: stopping activates the server's own, maybe of an
        old renderer."""
        if self._gl_server is not None:
            current = self._gl.CGLGetCurrentContext()
            self._gl_server.stop()
            self._gl_server = None
            self._make_current(current)

    def _make_current(self, context: int | None) -> None:
        if self._gl.CGLGetCurrentContext() != context:
            self._gl.CGLSetCurrentContext(context)

    def _open_metal(self, mode: str) -> None:
        import syphon

        self._metal_server = syphon.SyphonMetalServer(self.name)
        self._transfer_mode = mode

    def _take_gl_error(self) -> int:
        """One of the GL errors since the last call, or 0; clears all."""
        return max(int(self._gl.glGetError()) for _ in range(GL_ERROR_FLAGS))
