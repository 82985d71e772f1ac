"""Latent to sound: HiFi-GAN (Kong et al. 2020), led by a sine source in models with pitch (NSF-HiFi-GAN).

Each stage makes a frame longer and halves the channels, adds the source at that rate, and takes the mean of three
residual blocks that look differently far. Names of the modules are those of the published checkpoints.

Sound is laid out as pictures one pixel high with the channels last, weights too: oneDNN's convolutions over many short
channels are then up to four times as fast as over torch's three-dimensional layout, which it always makes contiguous.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.rvc.shapes import SynthesizerShape
from engine.models.rvc.source import SineSource

SLOPE = 0.1
LAST_SLOPE = 0.01


class Convolution(nn.Conv1d):
    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, 1, n)"""
        stride, padding, dilation = (1, *self.stride), (0, *self.padding), (1, *self.dilation)
        return F.conv2d(x, self.weight[:, :, None], self.bias, stride, padding, dilation)


class Lengthening(nn.ConvTranspose1d):
    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # its length follows from the rate alone
        """(B, channels, 1, n)"""
        return F.conv_transpose2d(x, self.weight[:, :, None], self.bias, (1, *self.stride), (0, *self.padding))


class Decoder(nn.Module):
    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.blocks = len(shape.resblock_kernels)
        self.conv_pre = Convolution(shape.latent, shape.initial, 7, padding=3)
        self.cond = nn.Conv1d(shape.gin, shape.initial, 1)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        self.noise_convs = nn.ModuleList()
        if shape.has_pitch:
            self.m_source = SineSource(shape)
        channels = shape.initial
        for stage, (rate, kernel) in enumerate(zip(shape.upsample_rates, shape.upsample_kernels, strict=True)):
            self.ups.append(Lengthening(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2))
            channels //= 2
            for width, dilations in zip(shape.resblock_kernels, shape.resblock_dilations, strict=True):
                self.resblocks.append(ResidualBlock(channels, width, dilations))
            if shape.has_pitch:
                self.noise_convs.append(source_convolution(channels, math.prod(shape.upsample_rates[stage + 1 :])))
        self.conv_post = Convolution(channels, 1, 7, padding=3, bias=False)

    def forward(self, z: Tensor, g: Tensor, source: Tensor | None) -> Tensor:
        """Latent (B, latent, T), speaker (B, gin, 1) and source (B, 1, T hop), None without pitch -> (B, 1, T hop)."""
        x = self.conv_pre(pictured(z))
        x += self.cond(g)[..., None]
        pictured_source = None if source is None else pictured(source)
        for stage, up in enumerate(self.ups):
            x = up(F.leaky_relu_(x, SLOPE))
            if pictured_source is not None:
                x += self.noise_convs[stage](pictured_source)
            blocks = self.resblocks[stage * self.blocks : (stage + 1) * self.blocks]
            total = blocks[0](x)
            for block in blocks[1:]:
                total += block(x)
            x = total.div_(self.blocks)
        return self.conv_post(F.leaky_relu_(x, LAST_SLOPE)).tanh_()[:, :, 0]

    def lay_out(self) -> None:
        """Weights with the channels last, where convolutions are faster so: not on MPS."""
        for layer in self.modules():
            if isinstance(layer, Convolution | Lengthening) and layer.weight.device.type != "mps":
                layer.weight.data = layer.weight.data.transpose(1, 2).contiguous().transpose(1, 2)


class ResidualBlock(nn.Module):
    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            Convolution(channels, channels, kernel, dilation=d, padding=(kernel - 1) // 2 * d) for d in dilations
        )
        self.convs2 = nn.ModuleList(Convolution(channels, channels, kernel, padding=kernel // 2) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, 1, n) -> the same; x itself is left as it is."""
        for wide, narrow in zip(self.convs1, self.convs2, strict=True):
            x = narrow(F.leaky_relu_(wide(F.leaky_relu(x, SLOPE)), SLOPE)).add_(x)
        return x


def source_convolution(channels: int, stride: int) -> Convolution:
    """The source at the rate of a stage whose samples are `stride` samples of the sound long."""
    if stride == 1:
        return Convolution(1, channels, 1)
    return Convolution(1, channels, 2 * stride, stride, padding=stride // 2)


def pictured(x: Tensor) -> Tensor:
    """(B, channels, n) as (B, channels, 1, n) with the channels last in memory; on MPS as it lies."""
    if x.device.type == "mps":
        return x[:, :, None]
    return x.transpose(1, 2).contiguous()[:, None].permute(0, 3, 1, 2)
