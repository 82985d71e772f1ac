"""Joins what overlaps: synchronised overlap-add (SOLA, Roucos and Wilgus 1985), as live RVC does it.

Each block comes with the end of the one before it made once more. The old end is laid over the new start where the two
are most alike, and one is faded into the other there. Alike is the normalised cross-correlation, -1..1.

Where the new start says the same as the old end, the join needs no moving: offset 0 is where the time is right. A
voiced sound is as alike one period later, to the last bit of the arithmetic, so that the best place would be drawn by
lot and the sound would move to and fro. So a later place has to be better by a little: `LEANING` over the whole search.
It costs a phase of 11 degrees (cos 11 = 0.98) at most.

A sound that was moved fits best where it is: both of its blocks were made at the same time, and what is noise fits
nowhere else. It would stay early for good. So the leaning doubles with each join that stays where the one before was.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

LEANING = 0.02
MAX_LEANING = 1024.0  # times: after ten joins; no more than half a millisecond of 10 is left
SAME_SHARE = 50  # of the search: places within 0.2 ms are one
FAINT = 1e-16  # product of two energies: what is silent fits everywhere
QUIETEST = 1e-4
"""Of the loudest place's energy, the least that a place is taken for: below it a likeness would be rounding errors."""


class Sola:
    """For one stream. Nothing waits for the device."""

    def __init__(self, block: int, crossfade: int, search: int, device: torch.device) -> None:
        """Samples of the output's rate."""
        self._block, self._crossfade, self._search = block, crossfade, search
        turn = (torch.arange(crossfade, device=device) + 0.5) * (0.5 * math.pi / crossfade)
        self._fade_in = turn.sin() ** 2
        self._fade_out = turn.cos() ** 2
        self._places = torch.arange(block + crossfade, device=device)
        self._leaning = torch.linspace(0.0, LEANING, search + 1, device=device)
        self._urgency = torch.ones((), device=device)
        self._end = torch.zeros(crossfade, device=device)
        self.offset = torch.zeros((), dtype=torch.int64, device=device)
        """Samples, 0..search: where the last block was taken out of its sound."""

    def join(self, sound: Tensor) -> Tensor:
        """(block + crossfade + search,) float32 -> (block,): the next block, joined to the one before.

        After a reset it fades in from silence.
        """
        likeness = self._likeness(sound[: self._crossfade + self._search])
        before, self.offset = self.offset, (likeness - self._leaning * self._urgency).argmax()
        stays = (self.offset > 0) & ((self.offset - before).abs() <= self._search // SAME_SHARE)
        self._urgency = torch.where(stays, 2.0 * self._urgency, 1.0).clamp(max=MAX_LEANING)
        taken = sound[self._places + self.offset]
        start = taken[: self._crossfade] * self._fade_in + self._end * self._fade_out
        self._end = taken[self._block :]
        joined = torch.cat((start, taken[self._crossfade :]))
        self._end = joined[self._block :]  # not of `taken`: a crossfade longer than a block is not yet over
        return joined[: self._block]

    def reset(self) -> None:
        self._end = torch.zeros_like(self._end)
        self._urgency = torch.ones_like(self._urgency)

    def _likeness(self, sound: Tensor) -> Tensor:
        """(search + 1,): normalised cross-correlation of the old end with `sound` from each place on."""
        spectrum = torch.fft.rfft(sound) * torch.fft.rfft(self._end, sound.shape[0]).conj()
        products = torch.fft.irfft(spectrum, sound.shape[0])[: self._search + 1]  # no place wraps around
        sums = F.pad((sound**2).cumsum(0), (1, 0))
        energy = (sums[self._crossfade :] - sums[: self._search + 1]) * (self._end**2).sum()
        return products / torch.maximum(energy, QUIETEST * energy.max() + FAINT).sqrt()
