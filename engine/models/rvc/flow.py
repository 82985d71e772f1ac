"""The normalising flow between what the text encoder expects of anybody and what one speaker sounds like.

Four affine couplings that shift only (RealNVP), each with a small WaveNet conditioned on the speaker, the channels
turned round between them. Conversion runs it backwards, and no other way is here. Names of the modules are those of
the published checkpoints.
"""

import torch
from torch import Tensor, nn

from engine.models.rvc.shapes import SynthesizerShape

COUPLINGS = 4
KERNEL = 5
LAYERS = 3


class Flow(nn.Module):
    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        steps = (step for _ in range(COUPLINGS) for step in (Coupling(shape), Flip()))
        self.flows = nn.ModuleList(steps)

    def forward(self, z: Tensor, g: Tensor) -> Tensor:
        """Backwards: (B, latent, T) of anybody and the speaker (B, gin, 1) -> (B, latent, T) of the speaker.

        A frame depends on `2 COUPLINGS LAYERS` = 24 frames before and after it: two each of 12 convolutions.
        """
        for step in reversed(self.flows):
            z = step(z, g)
        return z


class Flip(nn.Module):
    def forward(self, z: Tensor, g: Tensor) -> Tensor:
        return z.flip(1)


class Coupling(nn.Module):
    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        half = shape.latent // 2
        self.pre = nn.Conv1d(half, shape.hidden, 1)
        self.enc = WaveNet(shape.hidden, shape.gin)
        self.post = nn.Conv1d(shape.hidden, half, 1)

    def forward(self, z: Tensor, g: Tensor) -> Tensor:
        kept, shifted = z.chunk(2, 1)
        return torch.cat((kept, shifted - self.post(self.enc(self.pre(kept), g))), 1)


class WaveNet(nn.Module):
    def __init__(self, channels: int, gin: int) -> None:
        super().__init__()
        self.channels = channels
        self.cond_layer = nn.Conv1d(gin, 2 * channels * LAYERS, 1)
        self.in_layers = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, KERNEL, padding=KERNEL // 2) for _ in range(LAYERS)
        )
        self.res_skip_layers = nn.ModuleList(
            nn.Conv1d(channels, channels if layer == LAYERS - 1 else 2 * channels, 1) for layer in range(LAYERS)
        )

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """(B, channels, T) -> the same."""
        *residual, last = zip(self.cond_layer(g).chunk(LAYERS, 1), self.in_layers, self.res_skip_layers, strict=True)
        skipped = torch.zeros_like(x)
        for speaker, convolution, mix in residual:
            ahead, aside = mix(gated(convolution(x) + speaker)).chunk(2, 1)
            x = x + ahead
            skipped = skipped + aside
        speaker, convolution, mix = last
        return skipped + mix(gated(convolution(x) + speaker))


def gated(x: Tensor) -> Tensor:
    """tanh of the first half of the channels times the sigmoid of the second."""
    wave, gate = x.chunk(2, 1)
    return wave.tanh() * gate.sigmoid()
