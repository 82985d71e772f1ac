"""What a stream has heard: the newest seconds of it at 16 kHz, on the device."""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.models.rvc.gate import Gate
from engine.models.rvc.grid import Grid
from engine.models.rvc.resample import Resampler

RATE_HZ = 16_000
HOP = 160


class Heard:
    """Only what is new is brought to 16 kHz, and one grain before it once more.

    Interpolation looks to both sides (2 ms at most at 16 kHz), and beyond the end of a block there is nothing yet: the
    last samples are made as if silence followed. A stream's resampler would wait for them and be late by so much; here
    they are put right with the next block, which adds no delay. What the model hears of it lies in the part that fades
    out.
    """

    def __init__(self, grid: Grid, samples: int, device: torch.device) -> None:
        """`samples`: of 16 kHz that are kept, a whole number of hops."""
        self._grid = grid
        self._gate = Gate(grid.grain, device)
        self._resampler = Resampler(grid.rate_hz, RATE_HZ, device)
        self._before = torch.zeros(1, 2 * grid.grain, device=device)
        self._empty = torch.zeros(1, samples, device=device)
        self.sound = self._empty
        """(1, samples) float32 at 16 kHz; its last sample is the end of the last block."""

    def follow(self, block: Tensor, threshold_db: float, mark: Callable[[str], None]) -> None:
        """(1, block) at the stream's rate. Marks the stages gate and resample."""
        grid = self._grid
        joined = torch.cat((self._before, self._gate.push(block, threshold_db)), 1)
        self._before = joined[:, -2 * grid.grain :]
        mark("gate")
        new = (grid.block_hops + grid.grain_hops) * HOP
        resampled = self._resampler(joined)[:, -new:]  # its first grain begins where the sound was cut off
        self.sound = torch.cat((self.sound[:, grid.block_hops * HOP : -grid.grain_hops * HOP], resampled), 1)
        mark("resample")

    def reset(self) -> None:
        self._gate.reset()
        self._before = torch.zeros_like(self._before)
        self.sound = self._empty
