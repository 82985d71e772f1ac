"""Plays a feed into the ring in real time: a block is written when its last sample is due."""

import logging
import threading

from engine.audio.feed import Feed
from engine.audio.ring import SampleRing
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report

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
