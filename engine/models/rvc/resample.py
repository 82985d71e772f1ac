"""Sound at another rate, on the device: windowed-sinc interpolation as one matrix product.

Every `up` samples out come of `down` in (the two rates without their common factor) by the same weights: rows of
overlapping samples in, times a matrix. A product and not a convolution, which cuDNN works out in TF32: that leaves
noise at -60 dB. Where `down` is few, several such groups are one row, or each sample would be copied over and over.
"""

from functools import lru_cache
from math import ceil, gcd

import numpy as np
import torch
from torch.nn import functional as F

CROSSINGS = 32  # of the sinc on either side: 2 ms of 16 kHz
CUTOFF = 0.92  # of half the lower rate: flat within 0.1 dB to 0.84, and by 1.0 it is 80 dB down
KAISER_BETA = 7.86  # 0.1102 (80 dB - 8.7), Kaiser (1974)
MAX_WEIGHTS = 2**24
"""Of one pair of rates: 64 MiB. Any two with a common factor of 25 stay far below it."""
KEPT = 32
"""Pairs whose weights are kept: a formant that glides asks for a new one each time."""


class Resampler:
    """From `from_hz` to `to_hz`, without delay; only their ratio matters. Stateless, and cheap to make a second time.

    Against soxr within -75 dB up to 0.84 of half the lower rate. Static shapes, and nothing waits for the device.
    """

    def __init__(self, from_hz: int, to_hz: int, device: torch.device) -> None:
        """ValueError for rates that have so little in common that the weights would fill the memory."""
        factor = gcd(from_hz, to_hz)
        self.down, self.up = from_hz // factor, to_hz // factor
        """So many samples in are so many out."""
        self._scale = min(1.0, self.up / self.down)
        self.reach = 0 if self.down == self.up else ceil(CROSSINGS / self._scale)
        """Samples in, on both sides of one out, that it is made of: nearer to an end it hears silence beyond."""
        self._together = ceil(2 * self.reach / self.down)
        self._row = self._together * self.down + 2 * self.reach
        if self._row * self._together * self.up > MAX_WEIGHTS:
            raise ValueError(f"{from_hz} to {to_hz} Hz: their common factor is only {factor}")
        # Held here as well: a captured graph reads from their address, whatever else is asked for.
        self._weights = _weights(self.up, self.down, self.reach, self._together, device) if self.reach else None

    def __call__(self, sound: torch.Tensor) -> torch.Tensor:
        """(B, n) float32 as (B, ceil(n up / down)); sample m out is the sound at m down / up samples in."""
        if self._weights is None:
            return sound
        count = -(-sound.shape[-1] * self.up // self.down)
        up, down = self._together * self.up, self._together * self.down
        rows = -(-count // up)
        padded = F.pad(sound, (self.reach, rows * down + self.reach - sound.shape[-1]))
        overlapping = padded.unfold(-1, self._row, down)  # (B, rows, row)
        return (overlapping @ self._weights).reshape(len(sound), rows * up)[:, :count]


@lru_cache(maxsize=KEPT)
def _weights(up: int, down: int, reach: int, together: int, device: torch.device) -> torch.Tensor:
    """(row, up of a row) float32: the sinc in Kaiser's window, where sample 0 out lies `reach` in the row."""
    scale = min(1.0, up / down)
    out = reach + np.arange(together * up) * down / up
    crossings = (np.arange(together * down + 2 * reach)[:, None] - out) * scale
    inside = np.clip(1.0 - (crossings / CROSSINGS) ** 2, 0.0, None)
    weights = np.sinc(CUTOFF * crossings) * np.i0(KAISER_BETA * np.sqrt(inside)) * (abs(crossings) < CROSSINGS)
    weights /= weights.sum(0)  # a constant stays as it is
    return torch.from_numpy(weights.astype(np.float32)).to(device)
