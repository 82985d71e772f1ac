"""Sound that is read on demand (a file, the demo loop), unlike a device, which pushes at its own rate."""

from typing import Protocol

import numpy as np


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
