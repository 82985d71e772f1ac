"""The thread that encodes one picture's frames as JPEG, once for all viewers of a width."""

import logging
from functools import partial

from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from engine.web.preview import Offered, PreviewTap, Viewer

log = logging.getLogger(__name__)


class EncoderThread:
    """Encodes from `start` to `close`; sleeps while there are no viewers."""

    def __init__(self, picture: str, tap: PreviewTap, report: Report) -> None:
        self._tap = tap
        self._guard = Guard(log, report, "web", f"picture {picture} cannot be encoded for the page")
        self._thread = GuardedThread(f"preview {picture}", self._run, self._guard)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Wait for the current picture to be delivered, then end."""
        self._tap.end()
        self._thread.join()

    def _run(self) -> None:
        while (offered := self._tap.read_offered()) is not None:
            for width_px in {viewer.width_px for viewer in offered.viewers}:
                viewers = [viewer for viewer in offered.viewers if viewer.width_px == width_px]
                if self._guard.attempt(partial(self._encode, offered, width_px, viewers)) is None:
                    for viewer in viewers:  # encoding failed; the next picture may work
                        viewer.is_ready = True
            self._tap.finish_offered()

    def _encode(self, offered: Offered, width_px: int, viewers: list[Viewer]) -> bool:
        # Imported for the first viewer: importing OpenCV takes long, and must not delay the engine's first picture.
        from engine.web.jpeg import encode_preview

        jpeg = encode_preview(offered.rgba, width_px)
        for viewer in viewers:
            viewer.deliver(jpeg)
        return True
