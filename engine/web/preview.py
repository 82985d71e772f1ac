"""Hands pictures from the frame loop to viewers, each at its own frame rate, with backpressure.

The frame loop calls `wants_frame` first, so a picture is read back from the GPU only if a viewer is due for one, has
received the previous one, and the encoder is free. The loop never waits: at most one picture is in progress. So a
viewer with a slow connection gets fewer pictures, all of them recent, and costs less.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

EARLY_S = 1 / 120  # how early a picture may be, but at most a quarter of a period: tolerates jitter of the frame loop


class FrameRate:
    """The due times of pictures at one frame rate. Viewers with the same rate share it, and so share every picture.

    Not a token bucket: after a pause two pictures must not follow in quick succession.
    """

    def __init__(self, fps: int) -> None:
        self.fps = fps
        self._period_s = 1 / fps
        self._early_s = min(EARLY_S, self._period_s / 4)
        self._due_s = 0.0

    def is_due(self, now_s: float) -> bool:
        return now_s >= self._due_s - self._early_s

    def step(self, now_s: float) -> None:
        """Record that a picture was taken now."""
        is_in_step = now_s - self._due_s < self._period_s
        self._due_s = (self._due_s if is_in_step else now_s) + self._period_s


class Viewer:
    """A viewer, from `PreviewTap.watch` to `PreviewTap.leave`."""

    def __init__(self, rate: FrameRate, width_px: int, deliver: Callable[[bytes], None]) -> None:
        self.rate = rate
        self.width_px = width_px
        self.deliver = deliver
        self.is_ready = True
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
        self._viewers: tuple[Viewer, ...] = ()  # replaced, never mutated: the frame loop reads it without a lock
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
        """Hand over (height, width, 4) uint8, row 0 at the top. Not copied: the caller must not write to it again."""
        self._is_busy = True
        for viewer in self._due:
            viewer.is_ready = False
        self._offered.put(Offered(rgba=rgba, viewers=self._due))

    # -- any thread ----------------------------------------------------------------------------

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def watch(self, fps: int, width_px: int, deliver: Callable[[bytes], None]) -> Viewer:
        """Add a viewer. `deliver` is called with JPEGs of at most this rate and width, on the encoder's thread.

        It is called again only after `is_ready` has been set.
        """
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
