"""The pitch of a moving window, of which only the newest part is listened to again with each block."""

import torch
from torch import Tensor

from engine.models.rvc.pitch import HOP, F0Tracker

LEAD_IN = 800
"""Samples of 16 kHz before the block that a tracker hears with it (RVC: 50 ms)."""
BLIND = 3
"""Frames at the start of what it hears that are not believed: half their sound is missing (RVC)."""


class PitchCache:
    """Pitch in Hz as it was heard, before it is moved or tuned: what is sung can change at once, in the past too.

    The tracker's window ends with the sound, so its last frames are found from their first half alone. The next block
    finds them once more, with what followed, before they are heard: they lie in the crossfade.
    """

    def __init__(self, tracker: F0Tracker, block_hops: int, window_hops: int, device: torch.device) -> None:
        self._tracker = tracker
        self._block = block_hops
        heard = block_hops * HOP + LEAD_IN
        self.samples = -(-heard // tracker.frame_multiple) * tracker.frame_multiple
        """Of 16 kHz that `follow` has to be given, at least."""
        self._empty = torch.zeros(1, window_hops, device=device)
        self.values = self._empty
        """(1, window_hops) float32 Hz, 0 where unvoiced; frame k lies at the start of hop k of the window."""

    def follow(self, sound: Tensor) -> Tensor:
        """One block on. `sound` (1, n) of 16 kHz ends with the window; returns `values`."""
        window = self.values.shape[1]
        found = self._tracker.track(sound[:, -self.samples :]).float()[:, BLIND:][:, -window:]
        found = found.nan_to_num(0.0, 0.0, 0.0)  # one that overflowed would stay, and spoil the phase for good
        kept = self.values[:, self._block : self._block + window - found.shape[1]]
        self.values = torch.cat((kept, found), 1)
        return self.values

    def reset(self) -> None:
        self.values = self._empty
