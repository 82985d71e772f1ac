"""The last 1.3 s of the four analysed channels, with running sums.

With running sums the mean over any interval, even a fractional one, takes two look-ups, so a 1 s window costs no more
than a 5 ms window. Samples and sums lie in flat buffers a few times longer than needed. At the end of the buffer
the part still needed is copied to the front and its sums restart from zero, so that they stay exact however long the
engine runs.
"""

import numpy as np

from engine.values import CHANNELS

HISTORY_S = 1.3  # the longest window (1 s), the trigger's search (0.1 s), half the widest box (0.125 s)
_SLIDES_EVERY = 4  # buffer length in histories; copies one history every 3.9 s


class History:
    """Analyser thread only. Positions are indices into the buffer, valid until the next `append`."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._kept = round(sample_rate_hz * HISTORY_S)
        size = self._kept * _SLIDES_EVERY
        self.samples = np.zeros((CHANNELS, size), np.float32)
        """(4, size); the newest sample is at `end - 1`."""
        self.sums = np.zeros((CHANNELS, size + 1), np.float64)
        """(4, size + 1); `sums[c, p]` is the sum of channel c's samples before position p, plus a constant."""
        self.end = self._kept

    def append(self, block: np.ndarray) -> None:
        """Add `block`, (4, frames) float32."""
        frames = block.shape[1]
        if self.end + frames > self.samples.shape[1]:
            self._slide()
        start, self.end = self.end, self.end + frames
        self.samples[:, start : self.end] = block
        added = self.sums[:, start + 1 : self.end + 1]
        np.cumsum(block, axis=1, dtype=np.float64, out=added)
        added += self.sums[:, start : start + 1]

    def latest(self, frames: int) -> np.ndarray:
        """(4, frames) float32, a view of the newest samples; zeros before the first sound."""
        return self.samples[:, self.end - frames : self.end]

    def _slide(self) -> None:
        first = self.end - self._kept
        self.samples[:, : self._kept] = self.samples[:, first : self.end]
        base = self.sums[:, first : first + 1].copy()
        self.sums[:, : self._kept + 1] = self.sums[:, first : self.end + 1]
        self.sums[:, : self._kept + 1] -= base
        self.end = self._kept
