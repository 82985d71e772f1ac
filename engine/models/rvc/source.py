"""The harmonic source of the decoder: a sine at the pitch where there is one, noise everywhere (NSF, Wang et al. 2019).

Upstream's sine starts at phase 0 with each piece of sound, and so do a stream's windows, which then do not fit where
they overlap. Here the phase is a number the caller keeps: `phases` tells it at the start of each frame, and a window
that begins k frames after another one is started with `phases(...)[:, k]`. Noise is the caller's too (RollingNoise).
The same frames then give the same samples in every window.
"""

import math

import torch
from torch import Tensor, nn

from engine.models.rvc.shapes import SynthesizerShape

AMPLITUDE = 0.1
VOICED_NOISE = 0.003
UNVOICED_NOISE = AMPLITUDE / 3


class SineSource(nn.Module):
    """`m_source` of a checkpoint: without harmonics its merging layer is one gain and one offset."""

    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.hop = shape.hop
        self.rate_hz = shape.rate_hz
        self.l_linear = nn.Linear(1, 1)

    def phases(self, f0: Tensor, start: Tensor | None = None) -> Tensor:
        """Phase at the start of each frame of `f0` (B, T) Hz, and after the last one: (B, T + 1) float32, 0..1 turns.

        `start` (B,) turns, 0 where None. Turns of a frame are summed in double precision where the device has it.
        """
        exact = torch.float32 if f0.device.type == "mps" else torch.float64
        turns = f0.to(exact) * (self.hop / self.rate_hz)
        first = torch.zeros_like(turns[:, :1]) if start is None else start.to(exact)[:, None]
        return torch.cat((first, turns - turns.floor()), 1).cumsum(1).remainder(1.0).float()

    def forward(self, f0: Tensor, start: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        """(B, T) Hz, 0 where unvoiced -> (B, 1, T n), in the dtype of the weights; n is hop.

        `noise` (B, 1, T n), standard normal; None draws it. Where its n is another, a frame has so many samples and
        still as many turns as `f0` makes in 10 ms: the source of a sound that is played faster or slower. A sample's
        phase is that after the step it makes, as upstream: the first of a sound is at one step, not at 0.
        """
        batch, frames = f0.shape
        f0 = f0.float()
        if noise is None:
            noise = torch.randn(batch, 1, frames * self.hop, device=f0.device)
        samples = noise.shape[2] // frames
        steps = torch.arange(1, samples + 1, device=f0.device, dtype=torch.float32)
        steps = steps / (samples * self.rate_hz / self.hop)  # seconds
        turns = torch.addcmul(self.phases(f0, start)[:, :-1, None], f0[..., None], steps)  # (B, T, n)
        voiced = (f0 > 0.0).float()[..., None]
        sine = torch.sin(turns * (2.0 * math.pi)) * (voiced * AMPLITUDE)
        loudness = UNVOICED_NOISE + voiced * (VOICED_NOISE - UNVOICED_NOISE)
        sound = torch.addcmul(sine, noise.float().view_as(sine), loudness).flatten(1)[..., None]  # (B, T hop, 1)
        return self.l_linear(sound.to(self.l_linear.weight.dtype)).tanh().transpose(1, 2)


class RollingNoise:
    """Standard normal noise of a window that moves along a stream, each column drawn once: what of it is still in the
    window is what it was. (1, channels, length) float32 at one address, so that captured graphs may read it."""

    def __init__(
        self, channels: int, length: int, device: torch.device, generator: torch.Generator | None = None
    ) -> None:
        self._generator = generator
        self.values = torch.randn(1, channels, length, device=device, generator=generator)

    def advance(self, columns: int) -> None:
        """The oldest `columns` make room for new ones."""
        kept = self.values[..., columns:].clone()
        self.values.normal_(generator=self._generator)
        self.values[..., : kept.shape[2]] = kept
