"""HiFi-GAN, the decoder of most RVC voices, and the layers that it shares with RefineGAN."""

import math
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.rvc.shapes import OUTER_KERNEL, SynthesizerShape
from engine.models.rvc.source import SineSource

SLOPE = 0.1
LAST_SLOPE = 0.01


class ImageConv1d(nn.Conv1d):
    """A one-dimensional convolution over sound stored as images one pixel high."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve (B, channels, 1, n)."""
        padding: Any = (0, *self.padding)  # never a name, such as "same"
        stride = (1, *self.stride)
        dilation = (1, *self.dilation)
        return F.conv2d(input, self.weight[:, :, None], self.bias, stride, padding, dilation)


class ImageConvTranspose1d(nn.ConvTranspose1d):
    """The transposed convolution that upsamples, over the same layout."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # its length follows from the rate alone
        """Upsample (B, channels, 1, n)."""
        padding: Any = (0, *self.padding)
        return F.conv_transpose2d(x, self.weight[:, :, None], self.bias, (1, *self.stride), padding)


class Decoder(nn.Module):
    """Converts a latent to sound: HiFi-GAN (Kong et al. 2020), with a sine source in models with
    pitch (NSF-HiFi-GAN). Each level upsamples and halves the channels, adds the source, and
    averages residual blocks of different kernels.

    Sound is stored as images one pixel high, channels last, and so are the weights: oneDNN's
    convolutions over many short channels are then up to four times as fast as with torch's
    three-dimensional layout."""

    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.blocks = len(shape.resblock_kernels)
        self.conv_pre = ImageConv1d(
            shape.latent, shape.initial, OUTER_KERNEL, padding=OUTER_KERNEL // 2
        )
        self.cond = nn.Conv1d(shape.gin, shape.initial, 1)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        self.noise_convs = nn.ModuleList()
        if shape.has_pitch:
            self.m_source = SineSource(shape)
        channels = shape.initial
        for level, (rate, kernel) in enumerate(
            zip(shape.upsample_rates, shape.upsample_kernels, strict=True)
        ):
            self.ups.append(
                ImageConvTranspose1d(
                    channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2
                )
            )
            channels //= 2
            for width, dilations in zip(
                shape.resblock_kernels, shape.resblock_dilations, strict=True
            ):
                self.resblocks.append(ResidualBlock(channels, width, dilations))
            if shape.has_pitch:
                self.noise_convs.append(
                    source_convolution(channels, math.prod(shape.upsample_rates[level + 1 :]))
                )
        self.conv_post = ImageConv1d(
            channels, 1, OUTER_KERNEL, padding=OUTER_KERNEL // 2, bias=False
        )

    def forward(self, z: Tensor, g: Tensor, source: Tensor | None, before: int = 0) -> Tensor:
        """Latent (B, latent, T), speaker (B, gin, 1) and source (B, 1, T hop), None without pitch
        -> (B, 1, T hop). `before` is used by RefineDecoder only."""
        x = self.conv_pre(as_image(z))
        x += self.cond(g)[..., None]
        source_image = None if source is None else as_image(source)
        for level, up in enumerate(self.ups):
            x = up(F.leaky_relu_(x, SLOPE))
            if source_image is not None:
                x += self.noise_convs[level](source_image)
            blocks = self.resblocks[level * self.blocks : (level + 1) * self.blocks]
            total = blocks[0](x)
            for block in blocks[1:]:
                total += block(x)
            x = total.div_(self.blocks)
        result: Tensor = self.conv_post(F.leaky_relu_(x, LAST_SLOPE)).tanh_()[:, :, 0]
        return result

    def use_fastest_layout(self) -> None:
        lay_out(self)


def lay_out(decoder: nn.Module) -> None:
    """Store the weights with the channels last, where that is faster: everywhere except on MPS."""
    for layer in decoder.modules():
        if (
            isinstance(layer, ImageConv1d | ImageConvTranspose1d)
            and layer.weight.device.type != "mps"
        ):
            layer.weight.data = layer.weight.data.transpose(1, 2).contiguous().transpose(1, 2)


class ResidualBlock(nn.Module):
    def __init__(
        self, channels: int, kernel: int, dilations: tuple[int, ...], slope: float = SLOPE
    ) -> None:
        super().__init__()
        self.slope = slope
        self.convs1 = nn.ModuleList(
            ImageConv1d(channels, channels, kernel, dilation=d, padding=(kernel - 1) // 2 * d)
            for d in dilations
        )
        self.convs2 = nn.ModuleList(
            ImageConv1d(channels, channels, kernel, padding=kernel // 2) for _ in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, 1, n) -> the same. Does not change x."""
        for wide, narrow in zip(self.convs1, self.convs2, strict=True):
            x = narrow(F.leaky_relu_(wide(F.leaky_relu(x, self.slope)), self.slope)).add_(x)
        return x


def source_convolution(channels: int, stride: int) -> ImageConv1d:
    """An ImageConv1d that downsamples the source by `stride`, to the rate of a level."""
    if stride == 1:
        return ImageConv1d(1, channels, 1)
    return ImageConv1d(1, channels, 2 * stride, stride, padding=stride // 2)


def as_image(x: Tensor) -> Tensor:
    """Reshape (B, channels, n) to (B, channels, 1, n), channels last in memory; on MPS without a
    copy."""
    if x.device.type == "mps":
        return x[:, :, None]
    return x.transpose(1, 2).contiguous()[:, None].permute(0, 3, 1, 2)
