"""Where the frame loop leaves pictures for the page.

The loop asks `wants_frame` first, so that a picture is read back from the GPU only when somebody watches, at
most 30 times a second, and only when the encoder is free. It never waits: at most one picture is under way.
"""

import queue

import numpy as np

PERIOD_S = 1 / 30  # browsers on phones hardly decode more
EARLY = 0.25  # part of a period a picture may come early: a 30 fps loop that jitters still shows every picture


class PreviewTap:
    def __init__(self) -> None:
        self._offered: queue.SimpleQueue[np.ndarray | None] = queue.SimpleQueue()
        self._watchers = 0
        self._is_busy = False
        self._due_s = 0.0

    def wants_frame(self, now_s: float) -> bool:
        """Whether `offer` would be of use now; True starts the wait for the next. Frame loop only."""
        if self._watchers == 0 or self._is_busy or now_s < self._due_s - EARLY * PERIOD_S:
            return False
        is_in_step = now_s - self._due_s < PERIOD_S
        self._due_s = (self._due_s if is_in_step else now_s) + PERIOD_S
        return True

    def offer(self, rgba: np.ndarray) -> None:
        """Hand over (height, width, 4) uint8, row 0 at the top, never written again. Frame loop only."""
        self._is_busy = True
        self._offered.put(rgba)

    def add_watcher(self) -> None:
        """Somebody watches from now on. Web thread only, as is `remove_watcher`."""
        self._watchers += 1

    def remove_watcher(self) -> None:
        self._watchers -= 1

    def read_offered(self) -> np.ndarray | None:
        """The next picture, waited for; None when the server closes. Encoder only, as is `finish_offered`."""
        return self._offered.get()

    def finish_offered(self) -> None:
        """The picture read is encoded: another may be offered."""
        self._is_busy = False

    def end(self) -> None:
        """Let `read_offered` return None."""
        self._offered.put(None)
