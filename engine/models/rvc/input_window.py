"""The newest seconds of a stream's input at 16 kHz, on the device."""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.models.rvc.grid import BlockGrid
from engine.models.rvc.noise_gate import NoiseGate
from engine.models.rvc.resample import Resampler

RATE_HZ = 16_000
HOP = 160


class InputWindow:
    """Resamples only the new block, plus one grain before it a second time.

    Interpolation needs 2 ms on both sides at 16 kHz, but the sound after the end of a block is not known yet: the last
    samples are computed as if silence followed. A streaming resampler would wait for more sound and add delay. Here
    they are corrected with the next block, without delay. The model output that they affect is in the part that is
    faded out.
    """

    def __init__(self, grid: BlockGrid, samples: int, device: torch.device) -> None:
        """`samples`: length of the window at 16 kHz, a whole number of hops."""
        self._grid = grid
        self._gate = NoiseGate(grid.grain, device)
        self._resampler = Resampler(grid.rate_hz, RATE_HZ, device)
        self._before = torch.zeros(1, 2 * grid.grain, device=device)
        self._empty = torch.zeros(1, samples, device=device)
        self.sound = self._empty
        """(1, samples) float32 at 16 kHz; its last sample is the end of the last block."""

    def follow(self, block: Tensor, threshold_db: float, mark: Callable[[str], None]) -> None:
        """Add a block (1, block) at the stream's rate. Marks the stages gate and resample."""
        grid = self._grid
        joined = torch.cat((self._before, self._gate.push(block, threshold_db)), 1)
        self._before = joined[:, -2 * grid.grain :]
        mark("gate")
        new = (grid.block_hops + grid.grain_hops) * HOP
        resampled = self._resampler(joined)[
            :, -new:
        ]  # drop the first grain, which was computed without the sound before it
        self.sound = torch.cat((self.sound[:, grid.block_hops * HOP : -grid.grain_hops * HOP], resampled), 1)
        mark("resample")

    def reset(self) -> None:
        self._gate.reset()
        self._before = torch.zeros_like(self._before)
        self.sound = self._empty
