"""The thread that turns one picture's frames into JPEGs: one for all viewers of a width."""

import logging
import threading
from collections.abc import Callable

from engine.web.preview import Offered, PreviewTap

log = logging.getLogger(__name__)


class EncoderThread:
    """Runs from `start` to `close`; while nobody watches it sleeps."""

    def __init__(self, picture: str, tap: PreviewTap, report: Callable[[str, str], None]) -> None:
        self._picture = picture
        self._tap = tap
        self._report = report
        self._has_failed = False
        self._thread = threading.Thread(target=self._run, name=f"preview {picture}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Returns when the picture in hand is delivered."""
        self._tap.end()
        self._thread.join()

    def _run(self) -> None:
        while (offered := self._tap.read_offered()) is not None:
            for width_px in {viewer.width_px for viewer in offered.viewers}:
                self._encode(offered, width_px)
            self._tap.finish_offered()

    def _encode(self, offered: Offered, width_px: int) -> None:
        viewers = [viewer for viewer in offered.viewers if viewer.width_px == width_px]
        try:
            # Imported on this thread, for the first viewer: OpenCV takes its time, and the first picture does not wait.
            from engine.web.jpeg import encode_preview

            jpeg = encode_preview(offered.rgba, width_px)
            for viewer in viewers:
                viewer.deliver(jpeg)
        except Exception as error:
            # Top of the thread's loop: a picture the page cannot show must not end the page.
            if not self._has_failed:
                log.exception("picture %s cannot be encoded for the page", self._picture)
            self._has_failed = True
            self._report("web", f"picture {self._picture} cannot be encoded for the page: {error}")
            for viewer in viewers:
                viewer.is_ready = True
