"""Joins overlapping blocks: synchronised overlap-add (SOLA, Roucos and Wilgus 1985), as in live
RVC.

Each block starts with a new version of the end of the previous block. The old end is laid over the
new start at the offset where the two are most similar (normalised cross-correlation, -1..1), and
crossfaded there.

At offset 0 the timing is right. A voiced sound is equally similar one period later, up to rounding
errors, so the most similar offset alone would jitter. So later offsets get a penalty, up to
`OFFSET_PENALTY` at the end of the search range: a phase error of at most 11 degrees (cos 11 =
0.98). A sound that was moved once is most similar at its present offset and would stay early
forever. So the penalty doubles with each join that stays at the last offset.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

OFFSET_PENALTY = 0.02
MAX_PENALTY_FACTOR = (
    1024.0  # factor, reached after ten joins; at most half a millisecond of 10 is left
)
SAME_OFFSET_DIVISOR = 50  # of the search range: offsets within 0.2 ms count as the same
MIN_ENERGY = 1e-16  # product of two energies: silence fits everywhere
MIN_ENERGY_RATIO = 1e-4
"""Minimum energy relative to the loudest offset's; below it the similarity would be rounding
errors."""


class Sola:
    """Joins the blocks of one stream. Nothing waits for the device."""

    def __init__(self, block: int, crossfade: int, search: int, device: torch.device) -> None:
        """All lengths in samples at the output's rate."""
        self._block = block
        self._crossfade = crossfade
        self._search = search
        turn = (torch.arange(crossfade, device=device) + 0.5) * (0.5 * math.pi / crossfade)
        self._fade_in = turn.sin() ** 2
        self._fade_out = turn.cos() ** 2
        self._indices = torch.arange(block + crossfade, device=device)
        self._penalty = torch.linspace(0.0, OFFSET_PENALTY, search + 1, device=device)
        self._penalty_factor = torch.ones((), device=device)
        self._end = torch.zeros(crossfade, device=device)
        self.offset = torch.zeros((), dtype=torch.int64, device=device)
        """Offset of the last block in its sound, in samples, 0..search."""

    def join(self, sound: Tensor) -> Tensor:
        """(block + crossfade + search,) float32 -> (block,): the next block, joined to the one
        before; after a reset it fades in from silence."""
        similarity = self._similarity(sound[: self._crossfade + self._search])
        before = self.offset
        self.offset = (similarity - self._penalty * self._penalty_factor).argmax()
        stays = (self.offset > 0) & (
            (self.offset - before).abs() <= self._search // SAME_OFFSET_DIVISOR
        )
        self._penalty_factor = torch.where(stays, 2.0 * self._penalty_factor, 1.0).clamp(
            max=MAX_PENALTY_FACTOR
        )
        aligned = sound[self._indices + self.offset]
        start = aligned[: self._crossfade] * self._fade_in + self._end * self._fade_out
        self._end = aligned[self._block :]
        joined = torch.cat((start, aligned[self._crossfade :]))
        # not from `aligned`: a crossfade longer than a block continues
        self._end = joined[self._block :]
        return joined[: self._block]

    def reset(self) -> None:
        self._end = torch.zeros_like(self._end)
        self._penalty_factor = torch.ones_like(self._penalty_factor)

    def _similarity(self, sound: Tensor) -> Tensor:
        """Normalised cross-correlation (search + 1,) of the old end with `sound` at each offset."""
        spectrum = torch.fft.rfft(sound) * torch.fft.rfft(self._end, sound.shape[0]).conj()
        # no offset wraps around
        products = torch.fft.irfft(spectrum, sound.shape[0])[: self._search + 1]
        sums = F.pad((sound**2).cumsum(0), (1, 0))
        energy = (sums[self._crossfade :] - sums[: self._search + 1]) * (self._end**2).sum()
        result: Tensor = (
            products / torch.maximum(energy, MIN_ENERGY_RATIO * energy.max() + MIN_ENERGY).sqrt()
        )
        return result
