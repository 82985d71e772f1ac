"""Receives a Syphon server's picture (macOS) through Metal, which needs no GL context.

Syphon surfaces use OpenGL's convention: memory row 0 is the bottom of the picture, so the rows are
flipped.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from engine.errors import SourceError
from engine.sources.texture import TextureSource
from engine.system.clock import Clock
from engine.system.installing import install_line
from engine.system.reporting import Report

if TYPE_CHECKING:
    from syphon import SyphonMetalClient, SyphonServerDescription, SyphonServerDirectory

PLATFORM = sys.platform
RUN_LOOP_S = 0.001  # the directory waits a second by default


class SyphonSource(TextureSource):
    """Receives a Syphon server's picture, found by application and name as clients show it:
    `Arena:Composition`."""

    kind = "syphon"

    def __init__(self, name: str, *, clock: Clock, report: Report) -> None:
        """SourceError on another system, or if the library is missing."""
        super().__init__(name, clock=clock, report=report)
        load_library(self.label)
        self._servers: SyphonServers | None = None
        self._client: SyphonMetalClient | None = None

    def poll(self) -> None:
        """Run macOS's run loop, which updates the list of servers, then poll like other sources."""
        import CoreFoundation
        import objc

        with objc.autorelease_pool():  # otherwise Objective-C objects accumulate each frame
            CoreFoundation.CFRunLoopRunInMode(CoreFoundation.kCFRunLoopDefaultMode, 0, True)
            super().poll()

    def names(self) -> list[str]:
        if self._servers is None:
            self._servers = SyphonServers()  # created on the render thread
        return self._servers.names()

    def connect(self, name: str) -> None:
        import syphon

        assert self._servers is not None
        self._client = syphon.SyphonMetalClient(self._servers.described[name])

    def receive(self) -> np.ndarray | None:
        from syphon.utils.numpy import copy_mtl_texture_to_image

        assert self._client is not None
        if not self._client.is_valid:
            raise SourceError(f"{self.label}: the server is gone")
        if not self._client.has_new_frame:
            return None
        texture = self._client.new_frame_image
        return None if texture is None else upright_rgb(copy_mtl_texture_to_image(texture), texture)

    def disconnect(self) -> None:
        client = self._client
        self._client = None
        if client is not None:
            client.stop()


class SyphonServers:
    """Lists the Syphon servers of this machine. Made and used on the render thread, which runs
    macOS's run loop."""

    def __init__(self) -> None:
        import syphon

        self._directory: SyphonServerDirectory = syphon.SyphonServerDirectory()
        self._directory.run_loop_interval = RUN_LOOP_S
        self.described: dict[str, SyphonServerDescription] = {}
        """Servers by name, from the last call of `names`."""

    def names(self) -> list[str]:
        import objc

        with objc.autorelease_pool():
            found = self._directory.servers
            self.described = {
                ":".join(filter(None, (each.app_name, each.name))): each for each in found
            }
        return list(self.described)


def open_list() -> Callable[[], list[str]]:
    """A function that lists the servers. Made and called on the render thread."""
    return SyphonServers().names


def load_library(label: str) -> None:
    """Import everything used later, so that no frame waits for an import. Any thread. SourceError
    on another system, or if the library is missing."""
    if PLATFORM != "darwin":
        raise SourceError(f"{label}: needs macOS")
    try:
        import CoreFoundation  # noqa: F401
        import Metal  # noqa: F401
        import objc  # noqa: F401
        import syphon
        import syphon.utils.numpy  # noqa: F401
    except ImportError as error:
        raise SourceError(
            f"{label}: needs syphon-python ({error}): {install_line('syphon-python')}"
        ) from None


def upright_rgb(pixels: np.ndarray, texture: Any) -> np.ndarray:
    """Convert a copied Metal texture in BGRA or RGBA to (height, width, 3) uint8 RGB, row 0 at the
    top."""
    import Metal

    is_bgra = texture.pixelFormat() == Metal.MTLPixelFormatBGRA8Unorm
    return np.asarray(
        cv2.flip(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB if is_bgra else cv2.COLOR_RGBA2RGB), 0)
    )
