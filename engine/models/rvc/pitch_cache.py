"""Pitch of a moving window, of which only the newest part is analysed for each block."""

import torch
from torch import Tensor

from engine.models.rvc.pitch import HOP, F0Tracker

LEAD_IN = 800
"""Samples at 16 kHz before the block that are also passed to the tracker (RVC: 50 ms)."""
UNRELIABLE_FRAMES = 3
"""Frames dropped at the start of the tracker's result, because half of their input is missing (RVC)."""


class PitchCache:
    """Pitch of the input in Hz, before shifting and tuning, so that changed settings also apply to cached frames.

    The tracker's input ends with the sound, so its last frames are computed from only the first half of their window.
    The next block computes them again before they become audible, because they are in the crossfade.
    """

    def __init__(self, tracker: F0Tracker, block_hops: int, window_hops: int, device: torch.device) -> None:
        self._tracker = tracker
        self._block = block_hops
        heard = block_hops * HOP + LEAD_IN
        self.samples = -(-heard // tracker.frame_multiple) * tracker.frame_multiple
        """Minimum number of samples at 16 kHz for `follow`."""
        self._empty = torch.zeros(1, window_hops, device=device)
        self.values = self._empty
        """(1, window_hops) float32 Hz, 0 where unvoiced. Frame k is at the start of hop k of the window."""

    def follow(self, sound: Tensor) -> Tensor:
        """Move on by one block. `sound` (1, n) at 16 kHz ends with the window; returns `values`."""
        window = self.values.shape[1]
        found = self._tracker.track(sound[:, -self.samples :]).float()[:, UNRELIABLE_FRAMES:][:, -window:]
        # A NaN or infinity would stay in the cache and corrupt the phase forever.
        found = found.nan_to_num(0.0, 0.0, 0.0)
        kept = self.values[:, self._block : self._block + window - found.shape[1]]
        self.values = torch.cat((kept, found), 1)
        return self.values

    def reset(self) -> None:
        self.values = self._empty
