"""Lock-free ring buffer of the last seconds of captured sound: one writer that never waits, many
readers.

Why no lock is needed: samples are numbered; sample s is in row s mod capacity. The writer announces
the rows it is about to overwrite (`_claimed`), copies, then publishes (`newest`). A reader copies
published rows, then checks the claim: a row whose sample is older than `claimed - capacity` may
have been overwritten during the copy, so those rows are dropped. Both counters are Python integers,
replaced in one step under the GIL. Taking and releasing the GIL is a full memory barrier, so a
reader that sees a new counter also sees its samples, even if NumPy copies without the GIL.

`wait_beyond` (one waiter, the analyser) sleeps on a lock used as a signal. Signalling is a release,
which never waits. Only the writer releases and only the waiter acquires, so `locked()` is exact for
the writer.
"""

import threading

import numpy as np

RING_S = 10.0


class SampleRing:
    """Ring buffer of sound: (capacity, channels) float32, allocated once. `write` on one thread,
    the rest on any."""

    def __init__(
        self,
        sample_rate_hz: int,
        channels: int,
        seconds: float = RING_S,
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.channels = channels
        self.used_channels = channels
        """Channels of the block written last: a narrower source leaves the others silent."""
        self.capacity = round(sample_rate_hz * seconds)
        self._rows = np.zeros((self.capacity, channels), np.float32)
        self._claimed = 0
        self.newest: int = 0
        """Number of samples written so far: sample numbers run from 0 to `newest - 1`. Set by the
        writer."""
        self.mark: tuple[int, float] | None = None
        """The newest (sample number, time it sounded); None if the writer sets no marks."""
        self._bell = threading.Lock()
        self._bell.acquire()

    def set_mark(
        self,
        sample: int,
        sounded_s: float,
    ) -> None:
        """Set the time at which a sample, past or future, sounded at the microphone, not its
        arrival. Writer thread."""
        self.mark = sample, sounded_s

    def write(self, block: np.ndarray) -> None:
        """Append `block`, (frames, at most `channels`) float32, `capacity` at most. Writer thread;
        never waits."""
        frames, used_channels = block.shape
        row = self.newest % self.capacity
        before_wrap = min(frames, self.capacity - row)
        self._claimed = self.newest + frames
        self._write_rows(row, block[:before_wrap])
        self._write_rows(0, block[before_wrap:])
        self.used_channels = used_channels
        self.newest = self._claimed
        if self._bell.locked():
            self._bell.release()

    def _write_rows(
        self,
        begin: int,
        block: np.ndarray,
    ) -> None:
        """Write a block from this row on; channels that it lacks are silent."""
        frames, used_channels = block.shape
        rows = self._rows[begin : begin + frames]
        rows[:, :used_channels] = block
        rows[:, used_channels:] = 0.0

    def read(
        self,
        first: int,
        end: int | None = None,
    ) -> tuple[int, np.ndarray]:
        """Copy samples `first` (or the oldest still there) up to `end` (or the newest): (number of
        the first, copy). The copy is (frames, channels) float32, without rows if there is
        nothing."""
        newest = self.newest
        end = newest if end is None else min(end, newest)
        first = max(first, newest - self.capacity, 0)
        first = min(first, end)
        row = first % self.capacity
        frames = end - first
        before_wrap = min(frames, self.capacity - row)
        samples = np.empty((frames, self.channels), np.float32)
        after_wrap = frames - before_wrap
        samples[:before_wrap] = self._rows[row : row + before_wrap]
        samples[before_wrap:] = self._rows[:after_wrap]
        oldest = self._claimed - self.capacity  # an older one may have been overwritten meanwhile
        overwritten = min(frames, max(0, oldest - first))
        return first + overwritten, samples[overwritten:]

    def wait_beyond(
        self,
        sample: int,
        timeout_s: float,
    ) -> bool:
        """Wait until more than `sample` samples are written: True; False if none come for
        `timeout_s`. One waiter."""
        while self.newest <= sample:
            if not self._bell.acquire(timeout=timeout_s):
                return self.newest > sample
        return True
