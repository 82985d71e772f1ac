"""When the next block of a sound that another process writes will be whole. Pure: the time comes in as an argument.

The sound comes in chunks whose size nobody tells, at moments that jitter. Looking once a millisecond would take some of
a core for ever; sleeping for as long as the missing samples last starts up to a chunk too late, since the newest of
them came some time ago. But no sample comes before it has sounded: the earliest moment at which any number was seen
gives a line below which none arrives. So: sleep up to that line, then look once a millisecond until the chunk is there.
A little before that line: what is there at the first look may have been there for long, and only looks that come too
early draw the line where it belongs.
"""

from collections import deque
from typing import Final

POLL_S: Final = 0.001
EARLY_S: Final = 0.003
KEPT_LOOKS: Final = 64  # that saw something new: some seconds, in which two clocks part by a fraction of a chunk
STALL_S: Final = 0.25  # longer than any chunk: the sound stood still, and where it goes on the line is another
STALLED_POLL_S: Final = 0.005


class Arrivals:
    """Seconds of `time.perf_counter`; samples by their number."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._lines_s: deque[float] = deque(maxlen=KEPT_LOOKS)
        """When sample 0 would have come, by each look."""
        self._end_sample = -1
        self._grown_s = float("-inf")

    def look(self, end_sample: int, now_s: float) -> None:
        """So many samples are there now."""
        if end_sample == self._end_sample:
            return
        if now_s - self._grown_s > STALL_S:
            self._lines_s.clear()
        self._end_sample, self._grown_s = end_sample, now_s
        self._lines_s.append(now_s - end_sample / self._rate_hz)

    def wait_s(self, sample: int, now_s: float) -> float:
        """How long to sleep before it is worth a look whether there are `sample` samples. After the first `look`."""
        if now_s - self._grown_s > STALL_S:
            return STALLED_POLL_S
        return max(POLL_S, min(self._lines_s) + sample / self._rate_hz - EARLY_S - now_s)
