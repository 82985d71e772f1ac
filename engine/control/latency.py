"""Live latency: from a packet's arrival to the published frame that contains its values.

The receiving threads note each arrival; just before the frame loop takes its snapshot, it counts
the notes so far. Once the frame is published, their ages go into a histogram for each second of the
last minute, in steps of 0.25 ms up to 500 ms. The worst is exact.
"""

from array import array
from dataclasses import dataclass
from typing import Final

import numpy as np

STEP_MS: Final = 0.25
STEPS: Final = 2000
WINDOW_S: Final = 60
MAX_WAITING: Final = (
    65_536  # arrivals, more than any frame covers; while no frames are drawn, more are not measured
)
FEW: Final = 8  # for so few arrivals NumPy would be slower


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyMs:
    """Milliseconds from a packet's arrival to the published frame that contains its values, over
    the last minute."""

    p50: float = 0.0
    p99: float = 0.0
    worst: float = 0.0
    packets: int = 0
    """Number of packets measured; if it is 0, so are the times."""


class PacketLatency:
    """Histogram of packet latencies. `note_arrival` and `latest` on any thread, the rest on the
    frame loop's."""

    def __init__(self) -> None:
        self._arrivals = array("d")  # any thread may append; only the frame loop removes
        self._in_frame = 0
        self._counts = np.zeros((WINDOW_S, STEPS), np.uint32)
        self._worst_ms = np.zeros(WINDOW_S)
        self._seconds = np.full(WINDOW_S, -WINDOW_S, np.int64)

    def note_arrival(self, arrived_s: float) -> None:
        """Note that a packet that arrived at `arrived_s`, by `time.perf_counter`, has just been
        executed. Hot path."""
        if len(self._arrivals) < MAX_WAITING:
            self._arrivals.append(arrived_s)

    def begin_frame(self) -> None:
        """Assign the packets executed so far to the next frame. Call it just before the snapshot of
        the values."""
        self._in_frame = len(self._arrivals)

    def frame_published(self, now_s: float) -> None:
        """Measure the packets of the frame that was published at `now_s`, by
        `time.perf_counter`."""
        count = self._in_frame
        self._in_frame = 0
        if not count:
            return
        second = int(now_s)
        row = second % WINDOW_S
        if self._seconds[row] != second:
            self._counts[row] = 0
            self._worst_ms[row] = 0.0
            self._seconds[row] = second
        arrived_s = self._arrivals[:count]
        del self._arrivals[:count]
        if count <= FEW:
            worst_ms = (now_s - min(arrived_s)) * 1000.0
            for at_s in arrived_s:  # as below, one by one
                self._counts[row, min(int((now_s - at_s) * (1000.0 / STEP_MS)), STEPS - 1)] += 1
        else:
            ages_ms = (now_s - np.frombuffer(arrived_s)) * 1000.0
            worst_ms = float(ages_ms.max())
            steps = np.minimum(ages_ms * (1.0 / STEP_MS), STEPS - 1).astype(np.int64)
            self._counts[row] += np.bincount(steps, minlength=STEPS).astype(np.uint32)
        self._worst_ms[row] = max(self._worst_ms[row], worst_ms)

    def latest(self, now_s: float) -> LatencyMs:
        """Figures of the minute before `now_s`, by `time.perf_counter`."""
        is_recent = self._seconds > now_s - WINDOW_S
        counts = self._counts[is_recent].sum(axis=0, dtype=np.int64)
        packets = int(counts.sum())
        if not packets:
            return LatencyMs()
        worst_ms = float(self._worst_ms[is_recent].max())
        sums = np.cumsum(counts)
        return LatencyMs(
            p50=_percentile_ms(sums, 0.50, worst_ms),
            p99=_percentile_ms(sums, 0.99, worst_ms),
            worst=worst_ms,
            packets=packets,
        )


def _percentile_ms(sums: np.ndarray, fraction: float, worst_ms: float) -> float:
    """The percentile of a cumulated histogram, interpolated within its step."""
    rank = fraction * sums[-1]
    step = int(np.searchsorted(sums, rank))
    if step >= STEPS - 1:
        return worst_ms
    before = sums[step - 1] if step else 0
    return min(worst_ms, float(step + (rank - before) / (sums[step] - before)) * STEP_MS)
