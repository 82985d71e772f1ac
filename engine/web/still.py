"""Single pictures of the output, for saved presets: a preview viewer that takes one frame.

A picture costs the frame loop as much as one preview frame, and nothing extra while somebody watches the preview.
Scaling and JPEG encoding run on the encoder's thread. A dark picture is not delivered.
"""

import threading
from collections.abc import Callable

from engine.web.preview import PreviewTap, Viewer

WIDTH_PX = 320
FPS = 60
DARK = 12  # of 255; a picture without a brighter value counts as dark
MAX_WAITING = 100  # queued requests while no picture is drawn; the oldest are dropped


class StillCamera:
    """Takes single pictures. Thread-safe. Needs the tap's encoder thread, so a running web server."""

    def __init__(self, tap: PreviewTap) -> None:
        self._tap = tap
        self._lock = threading.Lock()
        self._waiting: list[Callable[[bytes], None]] = []
        self._viewer: Viewer | None = None

    def take(self, deliver: Callable[[bytes], None]) -> None:
        """Call `deliver(jpeg)` with the next frame, 320 px wide, on the encoder's thread. Not called if it is dark."""
        with self._lock:
            del self._waiting[: len(self._waiting) + 1 - MAX_WAITING]
            self._waiting.append(deliver)
            if self._viewer is None:
                self._viewer = self._tap.watch(FPS, WIDTH_PX, self._on_picture)

    def _on_picture(self, jpeg: bytes) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            if self._viewer is not None:
                self._tap.leave(self._viewer)
                self._viewer = None
        if waiting and not _is_dark(jpeg):
            for deliver in waiting:
                deliver(jpeg)


def _is_dark(jpeg: bytes) -> bool:
    import simplejpeg  # the encoder's thread has imported it already

    return int(simplejpeg.decode_jpeg(jpeg, colorspace="RGB").max()) < DARK
