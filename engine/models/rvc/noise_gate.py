"""Noise gate before the conversion, so that room noise is not converted to voice.

RVC takes the rms of 40 ms around each 10 ms, and treats both ends of a block as silence. Here it is the rms of a cell
of 10 ms and the three before it, also across blocks: speech opens the gate at once, it stays open 30 ms longer, and the
result does not depend on block boundaries. It closes with a ramp of 10 ms.
"""

import torch
from torch.nn import functional as F

OFF_DB = -60.0
CELLS = 4
HOP = 160  # 10 ms at 16 kHz


def gate(sound: torch.Tensor, threshold_db: torch.Tensor | float, hop: int = HOP) -> torch.Tensor:
    """A whole sound (B, n), silenced where its rms is below the threshold in dBFS; same shape and dtype.

    `hop`: samples of 10 ms. A threshold of -60 or less lets everything through. In a captured graph the threshold is a
    tensor (). Static shapes; nothing waits for the device. A piece of a sound gives the same as the whole if the CELLS
    hops before it are passed with it.
    """
    count = sound.shape[-1]
    return _gated(F.pad(sound, (CELLS * hop, -count % hop)), threshold_db, hop)[:, :count]


class NoiseGate:
    """The same gate for a stream, block by block. One thread."""

    def __init__(self, hop: int, device: torch.device) -> None:
        self._hop = hop
        self._before = torch.zeros(1, CELLS * hop, device=device)

    def push(self, new: torch.Tensor, threshold_db: torch.Tensor | float) -> torch.Tensor:
        """Gate the next (1, n) of a stream, n a multiple of hop; equal to `gate` of the whole sound."""
        if new.shape[-1] % self._hop:
            raise ValueError(f"a block of {new.shape[-1]} samples is not a multiple of {self._hop}")
        joined = torch.cat((self._before, new), -1)
        self._before.copy_(joined[:, joined.shape[-1] - CELLS * self._hop :])
        return _gated(joined, threshold_db, self._hop)

    def reset(self) -> None:
        """Clear the state, because a new stream begins."""
        self._before.zero_()


def _gated(sound: torch.Tensor, threshold_db: torch.Tensor | float, hop: int) -> torch.Tensor:
    """Gate (B, n), a multiple of hop, and drop the first CELLS hops."""
    if not isinstance(threshold_db, torch.Tensor):
        threshold_db = sound.new_full((), threshold_db)
    power = torch.unflatten(sound.square(), -1, (-1, hop)).mean(-1)  # (B, cells)
    power = power.unfold(-1, CELLS, 1).mean(-1)  # mean of a cell and the three before it
    is_open = (power >= 10.0 ** (threshold_db / 10.0)) | (threshold_db <= OFF_DB)
    before, now = is_open[:, :-1, None], is_open[:, 1:, None]
    closing = torch.linspace(1.0, 0.0, hop + 1, device=sound.device, dtype=sound.dtype)[1:]
    cells = torch.unflatten(sound[:, CELLS * hop :], -1, (-1, hop))
    return torch.where(now, cells, cells * (before * closing)).flatten(1)
