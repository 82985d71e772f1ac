"""Finds the edges of a biphase mark signal in sound, to a small part of a sample.

Problem: a cable adds hum and an offset, a recorder takes the corners off, a converter adds noise. A plain comparison
with zero sees extra edges in the noise, and shifts the true ones by the hum.

Solution, each step for a whole block in NumPy:

1. The mean of the four bits around each sample is subtracted. A bit is as long above as below the middle, or the next
   one balances it, so this removes offset and hum and hardly touches the bits. A block may end anywhere, so the last
   two bits wait for the next block.
2. A mean of a quarter bit removes noise above the band. Both means are symmetric: they do not shift an edge.
3. An edge counts when the signal has gone from one threshold to the other (a Schmitt trigger). Both follow the level.
   Its time is where the signal crossed zero between them, by linear interpolation.

Polarity does not matter. The caller knows how long a bit is and sets `bit_samples`.
"""

import numpy as np

THRESHOLD = 0.3  # of the mean level: the short half bits of a band-limited tape reach half the height of the long ones
MIN_LEVEL = 1e-3  # -60 dBFS: below, a channel counts as silent
LEVEL_S = 0.02  # memory of the level: a click is forgotten within a frame
MEAN_BITS = 4
SMOOTHED_BITS = 0.25


class EdgeFinder:
    """One channel in, edge times out. Audio thread."""

    def __init__(self, sample_rate_hz: int, max_bit_samples: float) -> None:
        self.bit_samples = max_bit_samples / 4.0
        """Current length of a bit; sets the widths of both means."""
        self._max_half = round(MEAN_BITS * max_bit_samples / 2.0) + 1
        self._level_samples = LEVEL_S * sample_rate_hz
        self._tail = np.zeros(2 * self._max_half)
        self._end = 0
        """Number of the sample after the tail."""
        self._level = 0.0
        self._is_high = False
        self._crossed = 0.0
        """Place of the newest zero crossing."""
        self._last = 0.0
        """The newest filtered sample."""

    @property
    def is_silent(self) -> bool:
        return self._level < MIN_LEVEL

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Sample positions (float, ascending) of the edges that became certain with `block`, (n,) float32; numbers
        count from the first sample ever fed."""
        heard = np.concatenate([self._tail, block])
        first = self._end - self._tail.size  # number of heard[0]
        self._end += block.size
        self._tail = heard[heard.size - 2 * self._max_half :]
        half = min(round(MEAN_BITS * self.bit_samples / 2.0), self._max_half - 1)
        smoothed = round((SMOOTHED_BITS * self.bit_samples - 1.0) / 2.0)
        # Each sample is filtered once: always those that end `_max_half` before the newest.
        begin, end = self._max_half, heard.size - self._max_half
        total = np.concatenate([[0.0], np.cumsum(heard)])
        mean = (total[begin + half + 1 : end + half + 1] - total[begin - half : end - half]) / (2 * half + 1)
        if smoothed > 0:
            width = 2 * smoothed + 1
            low = (total[begin + smoothed + 1 : end + smoothed + 1] - total[begin - smoothed : end - smoothed]) / width
        else:
            low = heard[begin:end]
        return self._edges(low - mean, first + begin)

    def _edges(self, filtered: np.ndarray, number: int) -> np.ndarray:
        """Edges in the next filtered samples; `number`: that of the first."""
        size = filtered.size
        if not size:
            return np.empty(0)
        share = min(size / self._level_samples, 1.0)
        self._level += share * (float(np.abs(filtered).mean()) - self._level)
        signal = np.concatenate([[self._last], filtered])
        self._last = float(filtered[-1])
        is_above = signal >= 0.0
        at = np.flatnonzero(is_above[1:] != is_above[:-1])
        crossings = number - 1 + at + signal[at] / (signal[at] - signal[at + 1])
        crossings = np.concatenate([[self._crossed], crossings])
        self._crossed = float(crossings[-1])
        if self.is_silent:
            return np.empty(0)
        threshold = THRESHOLD * self._level
        decided = np.flatnonzero(np.abs(filtered) > threshold)
        if not decided.size:
            return np.empty(0)
        is_high = filtered[decided] > 0.0
        before = np.concatenate([[self._is_high], is_high[:-1]])
        self._is_high = bool(is_high[-1])
        turned = decided[is_high != before]
        edges: np.ndarray = crossings[np.searchsorted(at, turned, side="right")]
        return edges
