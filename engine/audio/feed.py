"""Sound that is read on demand (a file, the demo loop), unlike a device, which pushes at its own rate."""

import logging
import threading
from typing import Protocol

import numpy as np

from engine.audio.ring import SampleRing
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report


class Feed(Protocol):
    sample_rate_hz: int
    channels: int
    description: str
    length_s: float | None
    """Duration in seconds; None for an endless loop, or if it is unknown until the end is reached."""
    is_finished: bool
    """True once the end was reached and only silence follows; never for a loop."""

    def read(self, frames: int) -> np.ndarray:
        """The next (frames, channels) float32 in [-1, 1]; silence after the end. May wait for the disk."""

    def close(self) -> None: ...


class LoopFeed:
    """Samples in memory, played in a loop."""

    def __init__(self, samples: np.ndarray, sample_rate_hz: int, description: str) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.channels = samples.shape[1]
        self.description = description
        self.length_s: float | None = None
        self.is_finished = False
        self._samples = samples
        self._next = 0

    def read(self, frames: int) -> np.ndarray:
        rows = np.arange(self._next, self._next + frames) % len(self._samples)
        self._next = (self._next + frames) % len(self._samples)
        return self._samples[rows]

    def close(self) -> None:
        pass


def bring_into_range(block: np.ndarray) -> np.ndarray:
    """Make float32 `block` finite and clip it to [-1, 1], in place: NaN becomes 0, infinity full scale. Returns it.

    Float files and some drivers deliver such values; a NaN would persist in every recursive part of the analysis.
    """
    if not np.isfinite(block).all():
        np.nan_to_num(block, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(block, -1.0, 1.0, out=block)


BLOCK_S = 0.01
LATE_S = 0.5  # if further behind (a suspended machine), the missed time is skipped

logger = logging.getLogger(__name__)


class Playback:
    """One thread from `start` to `close`."""

    def __init__(self, feed: Feed, clock: Clock, report: Report) -> None:
        self.ring = SampleRing(feed.sample_rate_hz, feed.channels)
        self.description = feed.description
        self.state = "playing"
        self.lost_blocks = 0
        self._feed = feed
        self._clock = clock
        self._closing = threading.Event()
        guard = Guard(logger, report, "audio.lost", f"audio: {feed.description} stopped")
        self._thread = GuardedThread("audio playback", self._play, guard, on_failure=self._mark_lost)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._feed.close()

    def _mark_lost(self, error: Exception) -> None:
        self.state = "lost"

    def _play(self) -> None:
        frames = round(self.ring.sample_rate_hz * BLOCK_S)
        block_s = frames / self.ring.sample_rate_hz
        due_s = self._clock.now_s()
        while not self._closing.is_set():
            block = self._feed.read(frames)
            due_s += block_s
            if self._clock.now_s() > due_s + LATE_S:
                due_s = self._clock.now_s()
            self._clock.sleep_until(due_s)
            self.ring.set_mark(self.ring.newest + frames, due_s)
            self.ring.write(block)
            self.state = "finished" if self._feed.is_finished else "playing"
