"""Receives one picture from a texture sink as another program would. For `doctor --selftest`, in a child process.

Each function returns (height, width, 4) uint8 RGBA, row 0 at the top as programs on that system show it, and the name
under which such a program lists the sender.
"""

import time
from collections.abc import Callable

import numpy as np

from engine.errors import SinkError

WAIT_S = 20.0  # Syphon announces a server within a second; a busy machine takes longer
POLL_S = 0.02
GL_RGBA = 0x1908


def receive_shared(name: str) -> tuple[np.ndarray, str]:
    """Receive from shared memory, with the ring's reader."""
    from engine.errors import SharedMemoryError
    from engine.ipc import FrameRing

    def find() -> np.ndarray | None:
        try:
            reader = FrameRing.open(name)
        except SharedMemoryError:
            return None
        frame = reader.wait_newer(timeout_s=POLL_S)
        reader.close()
        return None if frame is None else frame.pixels

    return _wait_for(find, name), name


def receive_syphon(name: str) -> tuple[np.ndarray, str]:
    """Receive from Syphon, as a Metal texture.

    Syphon's surfaces follow OpenGL: row 0 in memory is the bottom of the picture, so the rows are flipped here.
    """
    import Metal
    import syphon
    from syphon.utils.numpy import copy_mtl_texture_to_image

    directory = syphon.SyphonServerDirectory()
    directory.run_loop_interval = POLL_S
    client: syphon.SyphonMetalClient | None = None
    application = ""

    def find() -> np.ndarray | None:
        nonlocal client, application
        servers = directory.servers_matching_name(name=name)
        if client is None and servers:
            client = syphon.SyphonMetalClient(servers[0])
            application = servers[0].app_name
        texture = client.new_frame_image if client is not None else None
        if texture is None:
            return None
        pixels: np.ndarray = copy_mtl_texture_to_image(texture)
        is_bgra = texture.pixelFormat() == Metal.MTLPixelFormatBGRA8Unorm
        return pixels[::-1, :, [2, 1, 0, 3] if is_bgra else slice(None)]

    picture = _wait_for(find, name)
    if client is not None:
        client.stop()
    return picture, f"{application}:{name}" if application else name


def receive_spout(name: str) -> tuple[np.ndarray, str]:
    """Receive from Spout, as pixels. Direct3D's row 0 is the top of the picture. Spout needs a current GL context."""
    import SpoutGL

    from engine.render.context import open_context

    context = open_context()
    receiver = SpoutGL.SpoutReceiver()
    receiver.setReceiverName(name)
    picture: np.ndarray | None = None

    def find() -> np.ndarray | None:
        nonlocal picture
        is_received = receiver.receiveImage(picture, GL_RGBA, False, 0)
        if receiver.isUpdated():  # the sender was just found or resized: the next call fills the picture
            picture = np.zeros((receiver.getSenderHeight(), receiver.getSenderWidth(), 4), np.uint8)
            return None
        return picture if is_received and picture is not None and picture.any() else None

    received = _wait_for(find, name)
    receiver.releaseReceiver()
    context.release()
    return received, name


RECEIVERS: dict[str, Callable[[str], tuple[np.ndarray, str]]] = {
    "shared": receive_shared,
    "syphon": receive_syphon,
    "spout": receive_spout,
}


def _wait_for(find: Callable[[], np.ndarray | None], name: str) -> np.ndarray:
    end_s = time.perf_counter() + WAIT_S
    while time.perf_counter() < end_s:
        picture = find()
        if picture is not None:
            return picture
        time.sleep(POLL_S)
    raise SinkError(f"no picture of {name!r} arrived within {WAIT_S:.0f} s")
