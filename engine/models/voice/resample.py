"""Sound at another rate, on the device: windowed-sinc interpolation as one matrix product.

Every `up` samples out come of `down` in (the two rates without their common factor) by the same weights: rows of
overlapping samples in, times a matrix. A product and not a convolution, which cuDNN works out in TF32: that leaves
noise at -60 dB. Where `down` is few, several such groups are one row, or each sample would be copied over and over.
"""

from functools import cached_property
from math import ceil, gcd

import numpy as np
import torch
from torch.nn import functional as F

CROSSINGS = 32  # of the sinc on either side
CUTOFF = 0.92  # of half the lower rate: flat within 0.1 dB to 0.84, and by 1.0 it is 80 dB down
KAISER_BETA = 7.86  # 0.1102 (80 dB - 8.7), Kaiser (1974)
LARGEST_WEIGHTS = 2**24
"""Of one resampler: 64 MiB. Any two rates with a common factor of 25 stay far below it."""


class Resampler:
    """From `from_hz` to `to_hz`: a whole sound without delay, or a stream block by block, `delay` late.

    Against soxr within -60 dB up to 0.84 of half the lower rate. Static shapes, and nothing waits for the device: both
    ways may be captured. Only the ratio of the rates matters.
    """

    def __init__(self, from_hz: int, to_hz: int, device: torch.device) -> None:
        """ValueError for rates that have so little in common that the weights would fill the memory."""
        factor = gcd(from_hz, to_hz)
        self.down, self.up = from_hz // factor, to_hz // factor
        """So many samples in are so many out; a block of a stream is a multiple of `down`."""
        self._scale = min(1.0, self.up / self.down)
        is_needed = self.down != self.up
        self.delay = CROSSINGS / self._scale if is_needed else 0.0
        """Samples in that `push` is late: 32 of the lower rate, so that it may be a broken number."""
        self.reach = ceil(self.delay)
        """Samples in, on both sides of one out, that it is made of: nearer to an end it hears silence beyond."""
        self._together = ceil(2 * self.reach / self.down)
        self._row = self._together * self.down + 2 * self.reach
        if self._row * self._together * self.up > LARGEST_WEIGHTS:
            raise ValueError(f"{from_hz} to {to_hz} Hz: their common factor is only {factor}")
        self._device = device
        self._tail = torch.zeros(1, 2 * self.reach, device=device)

    def __call__(self, sound: torch.Tensor) -> torch.Tensor:
        """(B, n) float32 as (B, ceil(n up / down)); sample m out is the sound at m down / up samples in."""
        if self.down == self.up:
            return sound
        count = -(-sound.shape[-1] * self.up // self.down)
        return self._resampled(F.pad(sound, (self.reach, self.reach)), count, self._weights)

    def push(self, new: torch.Tensor) -> torch.Tensor:
        """The next (1, n) of a stream, n a multiple of `down`, as (1, n up / down), of the sound `delay` before it.

        Joined, the blocks are the whole, however it was cut."""
        if new.shape[-1] % self.down:
            raise ValueError(f"a block of {new.shape[-1]} samples is not a multiple of {self.down}")
        if self.down == self.up:
            return new
        joined = torch.cat((self._tail, new), -1)
        self._tail.copy_(joined[:, joined.shape[-1] - 2 * self.reach :])
        return self._resampled(joined, new.shape[-1] // self.down * self.up, self._weights_late)

    def reset(self) -> None:
        """Before `push` goes on with another stream."""
        self._tail.zero_()

    def _resampled(self, padded: torch.Tensor, count: int, weights: torch.Tensor) -> torch.Tensor:
        """The first (B, count) that `padded` (B, n) makes."""
        up, down = self._together * self.up, self._together * self.down
        rows = -(-count // up)
        padded = F.pad(padded, (0, max(0, (rows - 1) * down + self._row - padded.shape[-1])))
        overlapping = padded.unfold(-1, self._row, down)[:, :rows]  # (B, rows, row)
        return (overlapping @ weights).reshape(len(padded), rows * up)[:, :count]

    @cached_property
    def _weights(self) -> torch.Tensor:
        return self._weights_from(float(self.reach))

    @cached_property
    def _weights_late(self) -> torch.Tensor:
        return self._weights_from(2.0 * self.reach - self.delay)

    def _weights_from(self, place: float) -> torch.Tensor:
        """(row, up of a row) float32: the sinc in Kaiser's window, where sample 0 out lies at `place` in the row."""
        out = place + np.arange(self._together * self.up) * self.down / self.up
        crossings = (np.arange(self._row)[:, None] - out) * self._scale
        inside = np.clip(1.0 - (crossings / CROSSINGS) ** 2, 0.0, None)
        weights = np.sinc(CUTOFF * crossings) * np.i0(KAISER_BETA * np.sqrt(inside)) * (abs(crossings) < CROSSINGS)
        weights /= weights.sum(0)  # a constant stays as it is
        return torch.from_numpy(weights.astype(np.float32)).to(self._device)
