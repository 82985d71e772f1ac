"""Latent to sound: HiFi-GAN (Kong et al. 2020), led by a sine source in models with pitch (NSF-HiFi-GAN).

Each stage makes a frame longer and halves the channels, adds the source at that rate, and takes the mean of three
residual blocks that look differently far. Names of the modules are those of the published checkpoints.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.voice.shapes import SynthesizerShape
from engine.models.voice.source import SineSource

SLOPE = 0.1
LAST_SLOPE = 0.01


class Decoder(nn.Module):
    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.blocks = len(shape.resblock_kernels)
        self.conv_pre = nn.Conv1d(shape.latent, shape.initial, 7, padding=3)
        self.cond = nn.Conv1d(shape.gin, shape.initial, 1)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        self.noise_convs = nn.ModuleList()
        if shape.has_pitch:
            self.m_source = SineSource(shape)
        channels = shape.initial
        for stage, (rate, kernel) in enumerate(zip(shape.upsample_rates, shape.upsample_kernels, strict=True)):
            self.ups.append(nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2))
            channels //= 2
            for width, dilations in zip(shape.resblock_kernels, shape.resblock_dilations, strict=True):
                self.resblocks.append(ResidualBlock(channels, width, dilations))
            if shape.has_pitch:
                self.noise_convs.append(source_convolution(channels, math.prod(shape.upsample_rates[stage + 1 :])))
        self.conv_post = nn.Conv1d(channels, 1, 7, padding=3, bias=False)

    def forward(self, z: Tensor, g: Tensor, source: Tensor | None) -> Tensor:
        """Latent (B, latent, T), speaker (B, gin, 1) and source (B, 1, T hop), None without pitch -> (B, 1, T hop)."""
        x = self.conv_pre(z)
        x += self.cond(g)
        for stage, up in enumerate(self.ups):
            x = up(F.leaky_relu_(x, SLOPE))
            if source is not None:
                x += self.noise_convs[stage](source)
            blocks = self.resblocks[stage * self.blocks : (stage + 1) * self.blocks]
            total = blocks[0](x)
            for block in blocks[1:]:
                total += block(x)
            x = total.div_(self.blocks)
        return self.conv_post(F.leaky_relu_(x, LAST_SLOPE)).tanh_()


class ResidualBlock(nn.Module):
    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=(kernel - 1) // 2 * d) for d in dilations
        )
        self.convs2 = nn.ModuleList(nn.Conv1d(channels, channels, kernel, padding=kernel // 2) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, n) -> the same; x itself is left as it is."""
        for wide, narrow in zip(self.convs1, self.convs2, strict=True):
            x = narrow(F.leaky_relu_(wide(F.leaky_relu(x, SLOPE)), SLOPE)).add_(x)
        return x


def source_convolution(channels: int, stride: int) -> nn.Conv1d:
    """The source at the rate of a stage whose samples are `stride` samples of the sound long."""
    if stride == 1:
        return nn.Conv1d(1, channels, 1)
    return nn.Conv1d(1, channels, 2 * stride, stride, padding=stride // 2)
