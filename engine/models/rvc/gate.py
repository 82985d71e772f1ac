"""Silences what is softer than a threshold before a voice is converted: a room's noise would be made a voice, too.

RVC takes the rms of 40 ms around each 10 ms, and at both ends of a block counts silence that is not there. Here it is
that of the 10 ms and of the three before them, whichever block they came in: speech opens the gate at once, it stays
open 30 ms longer, and how the sound is cut into blocks changes nothing. It closes in a ramp of 10 ms.
"""

import torch
from torch.nn import functional as F

OFF_DB = -60.0
CELLS = 4
HOP = 160  # 10 ms at 16 kHz


def gate(sound: torch.Tensor, threshold_db: torch.Tensor | float, hop: int = HOP) -> torch.Tensor:
    """A whole sound (B, n) with silence where its rms is under the threshold in dBFS; same shape and dtype.

    `hop`: samples of 10 ms. From -60 down all is let through. In a captured graph the threshold is a tensor ().
    Static shapes, and nothing waits for the device. A piece of a sound is gated as the whole where it comes with the
    CELLS hops before it."""
    count = sound.shape[-1]
    return _gated(F.pad(sound, (CELLS * hop, -count % hop)), threshold_db, hop)[:, :count]


class Gate:
    """The same for a stream, block by block. One thread."""

    def __init__(self, hop: int, device: torch.device) -> None:
        self._hop = hop
        self._before = torch.zeros(1, CELLS * hop, device=device)

    def push(self, new: torch.Tensor, threshold_db: torch.Tensor | float) -> torch.Tensor:
        """The next (1, n) of a stream, n a multiple of hop, (1, n) as `gate` makes it of the whole."""
        if new.shape[-1] % self._hop:
            raise ValueError(f"a block of {new.shape[-1]} samples is not a multiple of {self._hop}")
        joined = torch.cat((self._before, new), -1)
        self._before.copy_(joined[:, joined.shape[-1] - CELLS * self._hop :])
        return _gated(joined, threshold_db, self._hop)

    def reset(self) -> None:
        """Before `push` goes on with another stream."""
        self._before.zero_()


def _gated(sound: torch.Tensor, threshold_db: torch.Tensor | float, hop: int) -> torch.Tensor:
    """Of (B, n), a multiple of hop, what comes after the first CELLS hops."""
    if not isinstance(threshold_db, torch.Tensor):
        threshold_db = sound.new_full((), threshold_db)
    power = sound.square().unflatten(-1, (-1, hop)).mean(-1)  # (B, cells)
    power = power.unfold(-1, CELLS, 1).mean(-1)  # of a cell and the three before it
    is_open = (power >= 10.0 ** (threshold_db / 10.0)) | (threshold_db <= OFF_DB)
    before, now = is_open[:, :-1, None], is_open[:, 1:, None]
    closing = torch.linspace(1.0, 0.0, hop + 1, device=sound.device, dtype=sound.dtype)[1:]
    cells = sound[:, CELLS * hop :].unflatten(-1, (-1, hop))
    return torch.where(now, cells, cells * (before * closing)).flatten(1)
