"""Predicts when the next block of a sound that another process writes will be complete. Pure.

The sound comes in chunks of unknown size, with jitter. Polling once a millisecond would waste part
of a core. But samples arrive in real time: a sample's number divided by the sample rate, plus the
smallest offset seen lately, is the earliest time at which it can arrive. So sleep until shortly
before that time, then poll once a millisecond until the chunk arrives. If it is already there at
the first poll, its arrival time is unknown and cannot correct the offset.
"""

from collections import deque
from typing import Final

POLL_S: Final = 0.001
EARLY_S: Final = 0.003
RECENT_POLLS: Final = (
    64  # with new samples: a few seconds, in which two clocks drift by a fraction of a chunk
)
STALL_S: Final = 0.25  # longer than any chunk: after such a stall the old offset is wrong
STALLED_POLL_S: Final = 0.005


class Arrivals:
    """Predicts arrivals from past ones. Times are seconds of `time.perf_counter`; samples are
    identified by number."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._offsets_s: deque[float] = deque(maxlen=RECENT_POLLS)
        """The offset from each poll: when sample 0 would have arrived."""
        self._end_sample = -1
        self._grown_s = float("-inf")

    def saw(self, end_sample: int, now_s: float) -> None:
        """Record that samples up to `end_sample` have arrived by `now_s`."""
        if end_sample == self._end_sample:
            return
        if now_s - self._grown_s > STALL_S:
            self._offsets_s.clear()
        self._end_sample = end_sample
        self._grown_s = now_s
        self._offsets_s.append(now_s - end_sample / self._rate_hz)

    def wait_s(self, sample: int, now_s: float) -> float:
        """Seconds to sleep before polling for the arrival of sample number `sample`. Call `saw`
        first."""
        if now_s - self._grown_s > STALL_S:
            return STALLED_POLL_S
        return max(POLL_S, min(self._offsets_s) + sample / self._rate_hz - EARLY_S - now_s)
