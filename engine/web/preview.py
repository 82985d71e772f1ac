"""Pictures of the output as JPEGs for viewers, each at its own frame rate, with backpressure.

The frame loop calls `wants_frame` first. So a picture is read back from the GPU only if a viewer is
due for one and has received the previous one, and the encoder is free. The loop never waits: at
most one picture is in progress. So a viewer with a slow connection gets fewer pictures, all of them
recent, and costs less. `EncoderThread` encodes a picture once for all viewers of a width;
`StillCamera` is a viewer that takes one picture, for saved presets.
"""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report

log = logging.getLogger(__name__)

MAX_SIDE_PX = (
    1280  # only a preview; with larger pictures a phone's connection is the limit, not its screen
)
QUALITY = 80
STILL_WIDTH_PX = 320
STILL_FPS = 60
DARK = 12  # of 255; a still without a brighter value counts as dark
MAX_WAITING = 100  # queued stills while no picture is drawn; the oldest are dropped
EARLY_S = (
    1 / 120
    # how early a picture may be, but at most a quarter of a period: tolerates jitter of the frame
    # loop
)


class FrameRate:
    """The due times of pictures at one frame rate. Viewers with the same rate share it, and so
    share every picture. Not a token bucket: after a pause two pictures must not follow in quick
    succession."""

    def __init__(self, fps: int) -> None:
        self.fps = fps
        self._period_s = 1 / fps
        self._early_s = min(EARLY_S, self._period_s / 4)
        self._due_s = 0.0

    def is_due(self, now_s: float) -> bool:
        return now_s >= self._due_s - self._early_s

    def step(self, now_s: float) -> None:
        is_in_step = now_s - self._due_s < self._period_s
        self._due_s = (self._due_s if is_in_step else now_s) + self._period_s


@dataclass(slots=True, eq=False)
class Viewer:
    """A viewer, from `PreviewTap.watch` to `PreviewTap.leave`."""

    rate: FrameRate
    width_px: int
    deliver: Callable[[bytes], None]
    is_ready: bool = True
    """True if the viewer can receive a picture. The receiver sets it, `offer` clears it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    rgba: np.ndarray
    """(height, width, 4) uint8, row 0 at the top."""
    viewers: tuple[Viewer, ...]
    """The viewers that get this picture."""


class PreviewTap:
    """One of the engine's pictures, and its viewers."""

    def __init__(self) -> None:
        self._offered: queue.SimpleQueue[Offered | None] = queue.SimpleQueue()
        self._viewers: tuple[
            Viewer, ...
        ] = ()  # replaced, never mutated: the frame loop reads it without a lock
        self._changing_viewers = threading.Lock()
        self._due: tuple[Viewer, ...] = ()
        self._is_busy = False

    # -- the frame loop -------------------------------------------------------------------------

    def wants_frame(self, now_s: float) -> bool:
        """True if a viewer is due for a picture. The caller must then `offer` one."""
        if self._is_busy or not self._viewers:
            return False
        ready = [viewer for viewer in self._viewers if viewer.is_ready]
        rates = {viewer.rate for viewer in ready if viewer.rate.is_due(now_s)}
        for rate in rates:
            rate.step(now_s)
        self._due = tuple(viewer for viewer in ready if viewer.rate in rates)
        return bool(self._due)

    def offer(self, rgba: np.ndarray) -> None:
        """Hand over (height, width, 4) uint8, row 0 at the top. Not copied: the caller must not
        write to it again."""
        self._is_busy = True
        for viewer in self._due:
            viewer.is_ready = False
        self._offered.put(Offered(rgba=rgba, viewers=self._due))

    # -- any thread ----------------------------------------------------------------------------

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def watch(self, fps: int, width_px: int, deliver: Callable[[bytes], None]) -> Viewer:
        """Add a viewer of this picture. `deliver` is called with JPEGs of at most this rate and
        width, on the encoder's thread. It is called again only after `is_ready` has been set."""
        with self._changing_viewers:
            shared = (viewer.rate for viewer in self._viewers if viewer.rate.fps == fps)
            viewer = Viewer(next(shared, None) or FrameRate(fps), width_px, deliver)
            self._viewers = (*self._viewers, viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        with self._changing_viewers:
            self._viewers = tuple(other for other in self._viewers if other is not viewer)

    def end(self) -> None:
        """Make `read_offered` return None."""
        self._offered.put(None)

    # -- the encoder ----------------------------------------------------------------------------

    def read_offered(self) -> Offered | None:
        """Wait for the next picture; None when the server closes."""
        return self._offered.get()

    def finish_offered(self) -> None:
        """Allow the next `offer`: the last picture has been encoded."""
        self._is_busy = False


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
        jpeg = encode_preview(offered.rgba, width_px)
        for viewer in viewers:
            viewer.deliver(jpeg)
        return True


class StillCamera:
    """Takes single pictures of the output. Thread-safe. Needs the tap's encoder thread, so a
    running web server. A picture costs the frame loop as much as one preview frame, and nothing
    extra while somebody watches the preview."""

    def __init__(self, tap: PreviewTap) -> None:
        self._tap = tap
        self._lock = threading.Lock()
        self._waiting: list[Callable[[bytes], None]] = []
        self._viewer: Viewer | None = None

    def take(self, deliver: Callable[[bytes], None]) -> None:
        """Call `deliver(jpeg)` with the next frame, 320 px wide, on the encoder's thread. Not
        called if it is dark."""
        with self._lock:
            del self._waiting[: len(self._waiting) + 1 - MAX_WAITING]
            self._waiting.append(deliver)
            if self._viewer is None:
                self._viewer = self._tap.watch(STILL_FPS, STILL_WIDTH_PX, self._on_picture)

    def _on_picture(self, jpeg: bytes) -> None:
        with self._lock:
            waiting = self._waiting
            self._waiting = []
            if self._viewer is not None:
                self._tap.leave(self._viewer)
                self._viewer = None
        if waiting and not is_dark(jpeg):
            for deliver in waiting:
                deliver(jpeg)


def is_dark(jpeg: bytes) -> bool:
    """True for a still on which nothing can be seen."""
    import simplejpeg  # the encoder's thread has imported it already

    return int(simplejpeg.decode_jpeg(jpeg, colorspace="RGB").max()) < DARK


def encode_preview(rgba: np.ndarray, width_px: int = MAX_SIDE_PX) -> bytes:
    """Encode (height, width, 4) uint8 as JPEG without alpha (that is, over black); never enlarges.
    At most `width_px` wide, and no side longer than `MAX_SIDE_PX`. OpenCV and libjpeg-turbo work
    without the GIL."""
    # Imported for the first viewer: importing OpenCV takes long, and must not delay the engine's
    # first picture.
    import cv2
    import simplejpeg

    height, width = rgba.shape[:2]
    scale = min(width_px / width, MAX_SIDE_PX / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Area averaging takes seven times as long, and only looks better where pixels would be
        # skipped.
        interpolation = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
        rgba = cv2.resize(rgba, size, interpolation=interpolation)
    jpeg: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgba), QUALITY, colorspace="RGBA", colorsubsampling="420", fastdct=True
    )
    return jpeg
