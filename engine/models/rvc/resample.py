"""Resampler on the device: windowed-sinc interpolation as one matrix product.

Every `up` output samples come from `down` input samples (the two rates without their common factor)
with the same weights: rows of overlapping input samples times a matrix. It is a product and not a
convolution because cuDNN computes convolutions in TF32, which leaves noise at -60 dB. If `down` is
small, several groups form one row; otherwise each sample would be copied many times.
"""

from functools import lru_cache
from math import ceil, gcd

import numpy as np
import torch
from torch.nn import functional as F

CROSSINGS = 32  # zero crossings of the sinc on either side: 2 ms at 16 kHz
CUTOFF = 0.92  # relative to half the lower rate: flat within 0.1 dB up to 0.84, -80 dB at 1.0
KAISER_BETA = 7.86  # 0.1102 (80 dB - 8.7), Kaiser (1974)
MAX_WEIGHTS = 2**24
"""Maximum weights for one pair of rates: 64 MiB. Rates with a common factor of 25 stay far below
it."""
MAX_CACHED = 32
"""Number of rate pairs whose weights are cached; a gliding formant needs a new pair for each
block."""


class Resampler:
    """Resamples from `from_hz` to `to_hz`, without delay; only the ratio matters. Stateless, and
    cheap to create again. Within -75 dB of soxr up to 0.84 of half the lower rate. Static shapes;
    nothing waits for the device."""

    def __init__(self, from_hz: int, to_hz: int, device: torch.device) -> None:
        """ValueError if the common factor of the rates is so small that the weights would not fit
        into memory."""
        factor = gcd(from_hz, to_hz)
        self.down = from_hz // factor
        self.up = to_hz // factor
        """This many input samples (`down`) make `up` output samples."""
        self._scale = min(1.0, self.up / self.down)
        self.reach = 0 if self.down == self.up else ceil(CROSSINGS / self._scale)
        """Input samples on both sides that an output sample depends on; silence beyond the ends of
        the sound."""
        self._together = ceil(2 * self.reach / self.down)
        self._row = self._together * self.down + 2 * self.reach
        if self._row * self._together * self.up > MAX_WEIGHTS:
            raise ValueError(f"{from_hz} to {to_hz} Hz: their common factor is only {factor}")
        # Keep a reference: captured graphs read from their address even after the cache has dropped
        # them.
        self._weights = (
            _weights(self.up, self.down, self.reach, self._together, device) if self.reach else None
        )

    def __call__(self, sound: torch.Tensor) -> torch.Tensor:
        """(B, n) float32 -> (B, ceil(n up / down)). Output sample m is the sound at input position
        m down / up."""
        if self._weights is None:
            return sound
        count = -(-sound.shape[-1] * self.up // self.down)
        up = self._together * self.up
        down = self._together * self.down
        rows = -(-count // up)
        padded = F.pad(sound, (self.reach, rows * down + self.reach - sound.shape[-1]))
        overlapping = padded.unfold(-1, self._row, down)  # (B, rows, row)
        return (overlapping @ self._weights).reshape(len(sound), rows * up)[:, :count]


@lru_cache(maxsize=MAX_CACHED)
def _weights(up: int, down: int, reach: int, together: int, device: torch.device) -> torch.Tensor:
    """Weights (row, outputs per row) float32: a sinc with a Kaiser window; output sample 0 is at
    position `reach`."""
    scale = min(1.0, up / down)
    out = reach + np.arange(together * up) * down / up
    crossings = (np.arange(together * down + 2 * reach)[:, None] - out) * scale
    inside = np.clip(1.0 - (crossings / CROSSINGS) ** 2, 0.0, None)
    weights = (
        np.sinc(CUTOFF * crossings)
        * np.i0(KAISER_BETA * np.sqrt(inside))
        * (abs(crossings) < CROSSINGS)
    )
    weights /= weights.sum(0)  # gain 1 at DC
    return torch.from_numpy(weights.astype(np.float32)).to(device)
