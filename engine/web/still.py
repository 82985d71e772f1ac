"""Single pictures of what is on screen, for the presets that are saved: another viewer of the preview, for one frame.

So a picture costs the frame loop what one preview frame costs, and nothing where the page is being watched anyway;
scaling and JPEG are the encoder thread's. A dark picture shows nothing and is not delivered.
"""

import threading
from collections.abc import Callable

from engine.web.preview import PreviewTap, Viewer

WIDTH_PX = 320
FPS = 60
DARK = 12  # of 255: what is nowhere brighter than this shows nothing
MAX_WAITING = 100  # of saves while no picture is drawn


class StillCamera:
    """`take` on any thread. Needs the tap's encoder thread, so a page that is served."""

    def __init__(self, tap: PreviewTap) -> None:
        self._tap = tap
        self._lock = threading.Lock()
        self._waiting: list[Callable[[bytes], None]] = []
        self._viewer: Viewer | None = None

    def take(self, deliver: Callable[[bytes], None]) -> None:
        """`deliver(jpeg)`, 320 pixels wide, gets the next frame on the encoder's thread; never, when it is dark."""
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
    import simplejpeg  # on the encoder's thread, which has it already

    return int(simplejpeg.decode_jpeg(jpeg, colorspace="RGB").max()) < DARK
