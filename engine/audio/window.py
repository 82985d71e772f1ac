"""Cuts the wave that is drawn: the latest sound as 1024 points, averaged to avoid aliasing.

Problem: a 1 s window holds 48 000 samples; taking every 47th turns 997 Hz into 27 slow cycles that
do not exist. So point k is the mean over a box around the k-th 1024th part of the window. The box
is as wide as the widest of
 - the source samples per point: the boxes then tile the window;
 - 1024 ratio / W points: the part that one pixel shows, in a picture W wide, of a wave repeated
   `ratio` times;
 - one sample: the mean over a sample's width is the straight line between neighbouring samples.
A box never extends past the window's newest edge; at the oldest edge it extends further back. All
means are differences of running sums (`History`), interpolated linearly between samples.
"""

import numpy as np

from engine.values import CHANNELS, WAVE_POINTS

HISTORY_S = (
    1.3  # the longest window (1 s), the trigger's search (0.1 s), half the widest box (0.125 s)
)
_SLIDES_EVERY = 4  # buffer length in histories; copies one history every 3.9 s

TRIGGER_SEARCH_S = 0.1  # range of the search for a rising crossing: a period of 10 Hz


class History:
    """The last 1.3 s of the four analysed channels, with running sums. The mean over any interval,
    even a fractional one, takes two look-ups, so a 1 s window costs no more than a 5 ms window.

    Samples and sums lie in flat buffers a few times longer than needed. At their end the part still
    needed is copied to the front and its sums restart from zero, so that they stay exact however
    long the engine runs. Analyser thread only. Positions are indices into the buffer, valid until
    the next `append`."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._frames = round(sample_rate_hz * HISTORY_S)
        size = self._frames * _SLIDES_EVERY
        self.samples = np.zeros((CHANNELS, size), np.float32)
        """(4, size); the newest sample is at `end - 1`."""
        self.sums = np.zeros((CHANNELS, size + 1), np.float64)
        """(4, size + 1); `sums[c, p]` is the sum of channel c's samples before position p, plus a
        constant."""
        self.end = self._frames

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
        """The newest samples, (4, frames) float32, as a view; zeros before the first sound."""
        return self.samples[:, self.end - frames : self.end]

    def _slide(self) -> None:
        first = self.end - self._frames
        self.samples[:, : self._frames] = self.samples[:, first : self.end]
        base = self.sums[:, first : first + 1].copy()
        self.sums[:, : self._frames + 1] = self.sums[:, first : self.end + 1]
        self.sums[:, : self._frames + 1] -= base
        self.end = self._frames


def box_edges(window_frames: float, ratios: tuple[float, ...], width_px: int) -> np.ndarray:
    """Edges of each point's box, (4, 2, 1024) float64, in samples from the window's oldest edge.
    Pure."""
    step = window_frames / WAVE_POINTS
    centres = (np.arange(WAVE_POINTS) + 0.5) * step
    edges = np.empty((CHANNELS, 2, WAVE_POINTS))
    for channel, ratio in enumerate(ratios):
        half_box = 0.5 * max(step, step * WAVE_POINTS * ratio / width_px, 1.0)
        edges[channel, 0] = centres - half_box
        edges[channel, 1] = np.minimum(centres + half_box, window_frames)
    return edges


def newest_rising_crossing(samples: np.ndarray) -> float | None:
    """Position of the last rising zero crossing of `samples` (1-D), to a fraction of a sample, or
    None. Pure. In the unit of `box_edges`: sample i spans i to i + 1, so its value is at i +
    0.5."""
    is_below = samples < 0
    rises = np.flatnonzero(is_below[:-1] & ~is_below[1:])
    if not rises.size:
        return None
    before, after = float(samples[rises[-1]]), float(samples[rises[-1] + 1])
    return float(rises[-1]) + 0.5 - before / (after - before)


class WaveWindow:
    """Cuts the four waves out of a history; caches the boxes while their settings are the same.
    Analyser thread."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._shape: tuple[float, tuple[float, ...], int] | None = None
        self._frames = 0.0
        self._edges = np.empty(0)
        self._per_frame = np.empty(0)

    def cut(
        self,
        history: History,
        window_ms: float,
        ratios: tuple[float, ...],
        width_px: int,
        trigger: tuple[str, ...],
    ) -> np.ndarray:
        """The waves, (4, 1024) float32 before gain, oldest at index 0. A triggered channel's window
        starts at the newest rising zero crossing that leaves a full window; without one in the last
        0.1 s it is the latest window."""
        if self._shape != (window_ms, ratios, width_px):
            self._shape = (window_ms, ratios, width_px)
            self._frames = window_ms * self._rate_hz / 1000.0
            self._edges = box_edges(self._frames, ratios, width_px)
            self._per_frame = 1.0 / (self._edges[:, 1] - self._edges[:, 0])
        latest_start = history.end - self._frames
        starts = np.full(CHANNELS, latest_start)
        for channel, mode in enumerate(trigger):
            if mode == "rising":
                starts[channel] = self._triggered_start(history.samples[channel], latest_start)
        sums = _read_between(history.sums, self._edges + starts[:, None, None])  # (4, 2, 1024)
        means: np.ndarray = ((sums[:, 1] - sums[:, 0]) * self._per_frame).astype(np.float32)
        return means

    def _triggered_start(self, samples: np.ndarray, latest_start: float) -> float:
        end = int(latest_start + 0.5)  # the last sample of the search is at end - 0.5
        first = end - round(TRIGGER_SEARCH_S * self._rate_hz)
        crossing = newest_rising_crossing(samples[first:end])
        return latest_start if crossing is None else first + crossing


def _read_between(sums: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """`sums` (4, size) at fractional `positions` (4, 2, points), linearly interpolated. Pure."""
    whole = positions.astype(np.int64)  # positions are positive: this is floor
    fraction = positions - whole
    whole += np.arange(len(sums))[:, None, None] * sums.shape[1]
    flat = sums.reshape(-1)
    below = flat.take(whole, mode="clip")
    whole += 1
    # Past the newest edge the fraction is 0, so the value there does not count.
    between: np.ndarray = below + fraction * (flat.take(whole, mode="clip") - below)
    return between
