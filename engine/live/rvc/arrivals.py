"""Predicts when the next block of a sound that another process writes will be complete. Pure.

The sound comes in chunks of unknown size, with jitter. Polling once a millisecond would waste part of a core. Sleeping
for the length of the missing samples starts up to a chunk too late, because the newest samples came some time ago. But
no sample comes before it has sounded: the earliest time at which each number was seen gives a line of earliest
arrivals. So sleep until that line, then poll once a millisecond until the chunk is there. Begin a little before the
line: a chunk found at the first poll may have been there for long, and only polls that come too early correct the line.
"""

from collections import deque
from typing import Final

POLL_S: Final = 0.001
EARLY_S: Final = 0.003
KEPT_LOOKS: Final = 64  # that saw new samples: some seconds, in which two clocks drift by a fraction of a chunk
STALL_S: Final = 0.25  # longer than any chunk: after such a stall the line is another one
STALLED_POLL_S: Final = 0.005


class Arrivals:
    """Seconds of `time.perf_counter`; samples by their number."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._lines_s: deque[float] = deque(maxlen=KEPT_LOOKS)
        """The arrival of sample 0, extrapolated from each poll."""
        self._end_sample = -1
        self._grown_s = float("-inf")

    def look(self, end_sample: int, now_s: float) -> None:
        """Note that samples up to `end_sample` have come."""
        if end_sample == self._end_sample:
            return
        if now_s - self._grown_s > STALL_S:
            self._lines_s.clear()
        self._end_sample, self._grown_s = end_sample, now_s
        self._lines_s.append(now_s - end_sample / self._rate_hz)

    def wait_s(self, sample: int, now_s: float) -> float:
        """Seconds to sleep before polling for `sample` samples. Call `look` first."""
        if now_s - self._grown_s > STALL_S:
            return STALLED_POLL_S
        return max(POLL_S, min(self._lines_s) + sample / self._rate_hz - EARLY_S - now_s)
