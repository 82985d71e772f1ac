"""Where the frame loop leaves one of its pictures for those who watch it, each at the rate it asked for.

The loop asks `wants_frame` first, so that a picture is read back from the GPU only when somebody is due for one and
has taken the one before, and only when the encoder is free. It never waits: at most one picture is under way. So a
viewer with a slow connection gets fewer pictures, each of them new, and costs as little as it gets.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

EARLY_S = 1 / 120  # a picture may come so early, or a quarter of a period: of a loop that jitters every one is shown


class Pace:
    """When pictures are due, so many a second. Viewers of one rate share it: then they share every picture too."""

    def __init__(self, fps: int) -> None:
        self.fps = fps
        self._period_s = 1 / fps
        self._early_s = min(EARLY_S, self._period_s / 4)
        self._due_s = 0.0

    def is_due(self, now_s: float) -> bool:
        return now_s >= self._due_s - self._early_s

    def step(self, now_s: float) -> None:
        """A picture is taken now: wait for the next."""
        is_in_step = now_s - self._due_s < self._period_s
        self._due_s = (self._due_s if is_in_step else now_s) + self._period_s


class Viewer:
    """Somebody who watches, from `PreviewTap.watch` to `PreviewTap.leave`."""

    def __init__(self, pace: Pace, width_px: int, deliver: Callable[[bytes], None]) -> None:
        self.pace = pace
        self.width_px = width_px
        self.deliver = deliver
        self.is_ready = True
        """Whether it has room for a picture: set by whoever it shows to, cleared as one is offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    rgba: np.ndarray
    """(height, width, 4) uint8, row 0 at the top."""
    viewers: tuple[Viewer, ...]
    """Whom it is for."""


class PreviewTap:
    def __init__(self) -> None:
        self._offered: queue.SimpleQueue[Offered | None] = queue.SimpleQueue()
        self._viewers: tuple[Viewer, ...] = ()  # replaced as a whole: the frame loop reads it at any moment
        self._coming_or_going = threading.Lock()
        self._due: tuple[Viewer, ...] = ()
        self._is_busy = False

    # -- the frame loop -------------------------------------------------------------------------

    def wants_frame(self, now_s: float) -> bool:
        """Whether `offer` would be of use now; True starts the wait for the next."""
        if self._is_busy or not self._viewers:
            return False
        ready = [viewer for viewer in self._viewers if viewer.is_ready]
        paces = {viewer.pace for viewer in ready if viewer.pace.is_due(now_s)}
        for pace in paces:
            pace.step(now_s)
        self._due = tuple(viewer for viewer in ready if viewer.pace in paces)
        return bool(self._due)

    def offer(self, rgba: np.ndarray) -> None:
        """Hand over (height, width, 4) uint8, row 0 at the top, never written again: a reference changes hands."""
        self._is_busy = True
        for viewer in self._due:
            viewer.is_ready = False
        self._offered.put(Offered(rgba=rgba, viewers=self._due))

    # -- any thread ----------------------------------------------------------------------------

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def watch(self, fps: int, width_px: int, deliver: Callable[[bytes], None]) -> Viewer:
        """Somebody watches from now on: `deliver` gets JPEGs of at most this rate and width, on the encoder's thread.

        After each it gets the next only when `is_ready` is set again.
        """
        with self._coming_or_going:
            shared = (viewer.pace for viewer in self._viewers if viewer.pace.fps == fps)
            viewer = Viewer(next(shared, None) or Pace(fps), width_px, deliver)
            self._viewers = (*self._viewers, viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        with self._coming_or_going:
            self._viewers = tuple(other for other in self._viewers if other is not viewer)

    def end(self) -> None:
        """Let `read_offered` return None."""
        self._offered.put(None)

    # -- the encoder ----------------------------------------------------------------------------

    def read_offered(self) -> Offered | None:
        """The next picture, waited for; None when the server closes."""
        return self._offered.get()

    def finish_offered(self) -> None:
        """The picture read is encoded: another may be offered."""
        self._is_busy = False
