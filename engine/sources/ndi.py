"""Receives a picture over NDI, from another machine or another program here.

cyndilib holds the GIL while it waits, so we never let it wait: we poll its frame sync every few
milliseconds, which returns its newest picture at once (3 us). `Receiver.receive` cannot be used:
every receiver of cyndilib has a frame sync, which takes most pictures away from it.
"""

import gc
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from engine.errors import SourceError
from engine.sources.live import LiveSource
from engine.sources.names import best_match, missing_message
from engine.sources.pixels import over_black
from engine.system.clock import Clock
from engine.system.installing import install_line
from engine.system.reporting import Report

if TYPE_CHECKING:
    from cyndilib.finder import Finder, Source
    from cyndilib.video_frame import VideoFrameSync

FIND_POLL_S = 0.1  # polling interval for our source
FRESH_FINDER_S = 2.0  # a finder queries the addresses it knows every 10 s, a new one at once
LOST_AFTER_S = 1.0  # a sender that only changes its size returns sooner
FRAME_POLL_S = 0.004
OPAQUE = 255


class NdiSource(LiveSource):
    """Receives the NDI source of this name, `STAGE (Arena - Composition)`, or of a part, such as
    the machine's."""

    kind = "ndi"

    def __init__(self, name: str, *, clock: Clock, report: Report) -> None:
        """SourceError if the library is missing."""
        super().__init__(name, clock=clock, report=report)
        try:
            import cyndilib.finder
            from cyndilib.receiver import Receiver
            from cyndilib.video_frame import VideoFrameSync
            from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat
        except (ImportError, OSError) as error:
            raise SourceError(
                f"{self.label}: needs cyndilib ({error}): {install_line('cyndilib')}"
            ) from None
        self._make_finder: Callable[[], Finder] = cyndilib.finder.Finder
        self._receiver = Receiver(
            color_format=RecvColorFormat.RGBX_RGBA, bandwidth=RecvBandwidth.highest
        )
        self._frame = VideoFrameSync()
        self._receiver.frame_sync.set_video_frame(self._frame)

    def pictures(self) -> Generator[np.ndarray | None, None, None]:
        source = self._find()
        if source is None:
            return
        self._receiver.set_source(source)
        try:
            stamp = self._frame.get_timestamp_posix()
            newest_s = self._clock.now_s()
            while not self._closing.wait(FRAME_POLL_S):
                self._receiver.frame_sync.capture_video()
                newest_stamp = self._frame.get_timestamp_posix()
                if self._frame.xres and newest_stamp != stamp:
                    stamp = newest_stamp
                    newest_s = self._clock.now_s()
                    yield to_rgb(self._frame)
                elif (
                    self._clock.now_s() - newest_s > LOST_AFTER_S
                    and not self._receiver.is_connected()
                ):
                    return
        finally:
            self._receiver.disconnect()

    def _find(self) -> "Source | None":
        """Wait for the source and return it, or None when this source is closed."""
        names: list[str] = []
        while True:
            finder = self._make_finder()
            created_s = self._clock.now_s()
            try:
                while self._clock.now_s() - created_s < FRESH_FINDER_S:
                    if self._closing.wait(FIND_POLL_S):
                        return None
                    # cyndilib's own thread updates only every 5 s
                    names = sorted(finder.update_sources())
                    full_name = best_match(self.name, names)
                    if full_name is not None:
                        return finder.get_source(full_name)  # keeps the finder alive
            finally:
                release_finder(finder)
            self.miss(missing_message(self.kind, self.name, names))


def release_finder(finder: "Finder") -> None:
    """Break the reference cycle between a finder and its sources, so that its sockets are closed.
    Python's garbage collector would break it too, but a loop without garbage never triggers it: 90
    open files after a minute."""
    for referent in gc.get_referents(finder):
        if isinstance(referent, dict):
            referent.clear()


def open_finder() -> "Finder":
    """Start listening for NDI sources: `update_sources` lists them without waiting. Release it with
    `release_finder`. SourceError if the library is missing."""
    try:
        from cyndilib.finder import Finder
    except (ImportError, OSError) as error:
        raise SourceError(f"NDI: needs cyndilib ({error}): {install_line('cyndilib')}") from None
    return Finder()


def list_ndi(wait_s: float) -> tuple[str, ...]:
    """Full names of the NDI sources that answer within `wait_s`. SourceError if the library is
    missing."""
    finder = open_finder()
    time.sleep(wait_s)  # sources are listed as they respond
    return tuple(sorted(finder.update_sources()))


def to_rgb(frame: "VideoFrameSync") -> np.ndarray:
    """(height, width, 3) uint8 RGB of the picture just captured, RGBX or RGBA; NDI's alpha is
    straight: over black."""
    from cyndilib.wrapper.ndi_structs import FourCC

    width, height = frame.get_resolution()
    stride = frame.get_line_stride() or 4 * width
    buffer: Any = frame  # the Cython class exports its memory, which its stubs leave out
    # released before the next capture, which would fail otherwise
    memory = np.frombuffer(buffer, np.uint8)
    pixels = (
        memory[: stride * height].reshape(height, stride)[:, : 4 * width].reshape(height, width, 4)
    )
    if frame.get_fourcc() == FourCC.RGBA and pixels[..., 3].min() < OPAQUE:
        return over_black(pixels)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB))
