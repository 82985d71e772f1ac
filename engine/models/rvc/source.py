"""The decoder's excitation, and the noise that successive windows of a stream share."""

import math

import torch
from torch import Tensor, nn

from engine.models.rvc.shapes import SynthesizerShape

AMPLITUDE = 0.1
VOICED_NOISE = 0.003
UNVOICED_NOISE = AMPLITUDE / 3


class SineSource(nn.Module):
    """The decoder's excitation: a sine at the pitch where voiced, noise everywhere (NSF, Wang et
    al. 2019).

    The caller stores the phase and the noise (RollingNoise), so that the same frames give the same
    samples in every window of a stream: `phases` returns the phase at the start of each frame, and
    a window that begins k frames after another one starts with `phases(...)[:, k]`. It is
    `m_source` of a checkpoint. RVC uses no harmonics, so its merging layer is one gain and one
    offset."""

    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.hop = shape.hop
        self.rate_hz = shape.rate_hz
        self.l_linear = nn.Linear(1, 1)

    def phases(self, f0: Tensor, start: Tensor | None = None) -> Tensor:
        """Phase at the start of each frame of `f0` (B, T) Hz, and after the last one: (B, T + 1)
        float32, 0..1 turns. `start` is the first phase (B,) in turns, None for 0. Sums in double
        precision, except on MPS."""
        exact = torch.float32 if f0.device.type == "mps" else torch.float64
        turns = self.cycles_per_frame(f0.to(exact))
        first = torch.zeros_like(turns[:, :1]) if start is None else start.to(exact)[:, None]
        return torch.cat((first, turns - turns.floor()), 1).cumsum(1).remainder(1.0).float()

    def forward(
        self, f0: Tensor, start: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """(B, T) Hz, 0 where unvoiced -> (B, 1, T n), in the dtype of the weights; n is hop.
        `noise` (B, 1, T n) is standard normal; None draws it. With another n, a frame has n samples
        but the same number of cycles, as needed for a sound that will be played faster or slower.
        As upstream, the first phase is that after one step, not 0."""
        batch, frames = f0.shape
        f0 = f0.float()
        if noise is None:
            noise = torch.randn(batch, 1, frames * self.hop, device=f0.device)
        sound = self.raw(f0, start, noise.float())[..., None]  # (B, T n, 1)
        result: Tensor = self.l_linear(sound.to(self.l_linear.weight.dtype)).tanh().transpose(1, 2)
        return result

    def raw(self, f0: Tensor, start: Tensor | None, noise: Tensor) -> Tensor:
        """The sine and the noise before they are merged, (B, T n)."""
        hz, turns = self.pitch_and_phase(f0, start, noise.shape[2] // f0.shape[1])
        sine = torch.sin(turns * (2.0 * math.pi))
        voiced = (hz > 0.0).float()
        loudness = UNVOICED_NOISE + voiced * (VOICED_NOISE - UNVOICED_NOISE)
        return torch.addcmul(sine * (voiced * AMPLITUDE), noise.view_as(sine), loudness).flatten(1)

    def cycles_per_frame(self, f0: Tensor) -> Tensor:
        """Cycles in each frame, in the shape and dtype of `f0`."""
        return f0 * (self.hop / self.rate_hz)

    def pitch_and_phase(
        self, f0: Tensor, start: Tensor | None, samples: int
    ) -> tuple[Tensor, Tensor]:
        """Pitch in Hz (B, T, 1 or n) and phase in turns (B, T, n) of each sample."""
        steps = torch.arange(1, samples + 1, device=f0.device, dtype=torch.float32)
        steps = steps / (samples * self.rate_hz / self.hop)  # seconds
        return f0[..., None], torch.addcmul(
            self.phases(f0, start)[:, :-1, None], f0[..., None], steps
        )


class RollingNoise:
    """Standard normal noise for a window that moves along a stream. Each column is drawn once and
    stays at its position in the stream. `values` is (1, channels, length) float32 at a constant
    address, so captured graphs can read it."""

    def __init__(
        self,
        channels: int,
        length: int,
        device: torch.device,
        generator: torch.Generator | None = None,
    ) -> None:
        self._generator = generator
        self.values = torch.randn(1, channels, length, device=device, generator=generator)

    def advance(self, columns: int) -> None:
        """Move the window: drop the oldest `columns` and draw as many new ones."""
        remaining = self.values[..., columns:].clone()
        self.values.normal_(generator=self._generator)
        self.values[..., : remaining.shape[2]] = remaining
