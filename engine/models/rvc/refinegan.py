"""RefineGAN (Xu et al. 2021) as Applio 3.3 and later train it: a decoder that refines its
excitation.

    source ─ conv ─┬─ half the rate, conv ─┬─ ... ─┬─ one per frame ─┐
                   │                       │       │                 │
    sound ◄─ conv ─ up, blocks ◄────────── up, blocks ◄─ ... ◄──── concatenated with the latent

The layout, and with it the names of a checkpoint's tensors, is Applio's
(rvc/lib/algorithm/generators/refinegan.py, MIT). Downsampling costs a hundredth of upsampling, but
its low-pass filters are long: 64 zeros of the sinc on both sides, which is 68 frames for the last
filter. So the caller passes a source that is longer than the latent.

Applio draws new noise in each of the six layers of a stage. Here all of it is one signal, that of
the source, delayed differently for each layer and channel. So windows of a stream have the same
noise where they overlap.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.rvc import shapes
from engine.models.rvc.decoder import ImageConv1d, ResidualBlock, as_image, lay_out
from engine.models.rvc.source import SineSource

SLOPE = 0.2
KAISER_BETA = 14.769656459379492


class RefineSource(SineSource):
    """The source of RefineGAN: a sine whose pitch is interpolated between the middles of frames,
    and its noise."""

    def __init__(self, shape: shapes.SynthesizerShape) -> None:
        super().__init__(shape)
        del self.l_linear
        self.merge = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Tanh())

    def cycles_per_frame(self, f0: Tensor) -> Tensor:
        before, after = _neighbours(f0)
        return (before + 6.0 * f0 + after) / 8.0 * (self.hop / self.rate_hz)

    def forward(
        self, f0: Tensor, start: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """(B, T) Hz, 0 where unvoiced -> (B, 2, T n): the source and its noise. Arguments as for
        SineSource."""
        if noise is None:
            noise = torch.randn(f0.shape[0], 1, f0.shape[1] * self.hop, device=f0.device)
        sound = self.raw(f0.float(), start, noise.float())
        merged = self.merge(sound[..., None].to(next(self.merge.parameters()).dtype))[..., 0]
        return torch.stack((merged, noise[:, 0].to(merged.dtype)), 1)

    def pitch_and_phase(
        self, f0: Tensor, start: Tensor | None, samples: int
    ) -> tuple[Tensor, Tensor]:
        before, after = (each[..., None] for each in _neighbours(f0))
        offset = (torch.arange(samples, device=f0.device) + 0.5) / samples - 0.5
        own = f0[..., None]
        # (B, T, n)
        hz = own + (before - own) * (-offset).clamp(min=0.0) + (after - own) * offset.clamp(min=0.0)
        return hz, self.phases(f0, start)[:, :-1, None] + (
            hz * (self.hop / self.rate_hz / samples)
        ).cumsum(2)


def _neighbours(f0: Tensor) -> tuple[Tensor, Tensor]:
    """The pitch one frame before and after each of (B, T); the outermost frames are repeated."""
    return torch.cat((f0[:, :1], f0[:, :-1]), 1), torch.cat((f0[:, 1:], f0[:, -1:]), 1)


class RefineDecoder(nn.Module):
    def __init__(self, shape: shapes.SynthesizerShape) -> None:
        super().__init__()
        self.hop = shape.hop
        self.rates = shape.upsample_rates
        self.m_source = RefineSource(shape)
        channels = shape.refine_channels
        self.pre_conv = ImageConv1d(
            1, channels, shapes.OUTER_KERNEL, padding=shapes.OUTER_KERNEL // 2
        )
        self.downsample_blocks = nn.ModuleList()
        for _ in self.rates:
            self.downsample_blocks.append(
                ImageConv1d(
                    channels, 2 * channels, shapes.DOWN_KERNEL, padding=shapes.DOWN_KERNEL // 2
                )
            )
            channels *= 2
        self.mel_conv = ImageConv1d(
            shape.latent, channels, shapes.OUTER_KERNEL, padding=shapes.OUTER_KERNEL // 2
        )
        self.cond = nn.Conv1d(shape.gin, channels, 1)
        channels = shape.initial
        self.upsample_conv_blocks = nn.ModuleList()
        for _ in self.rates:
            self.upsample_conv_blocks.append(
                RefineBlock(channels + channels // 4, channels // 2, shape)
            )
            channels //= 2
        self.conv_post = ImageConv1d(
            channels, 1, shapes.OUTER_KERNEL, padding=shapes.OUTER_KERNEL // 2, bias=False
        )
        self._layers = 2 * len(shape.resblock_kernels)
        self._filters: list[Tensor] = []

    def forward(self, z: Tensor, g: Tensor, source: Tensor, before: int = 0) -> Tensor:
        """Latent (B, latent, T), speaker (B, gin, 1) and source (B, 2, N hop), N >= before + T ->
        (B, 1, T hop). The latent's first frame is frame `before` of the source."""
        frames = z.shape[2]
        x = self.pre_conv(as_image(source[:, :1]))
        levels = []
        for block, rate, low_pass in zip(
            self.downsample_blocks, reversed(self.rates), self._filters, strict=True
        ):
            x = F.leaky_relu_(x, SLOPE)
            levels.append(x)
            x = block(downsample(x, rate, low_pass))
        x = torch.cat(
            (
                self.mel_conv(as_image(z)) + self.cond(g)[..., None],
                x[..., before : before + frames],
            ),
            1,
        )
        each = 1  # samples per frame
        for rate, block, level in zip(
            self.rates, self.upsample_conv_blocks, reversed(levels), strict=True
        ):
            each *= rate
            x = F.interpolate(
                F.leaky_relu_(x, SLOPE), scale_factor=(1.0, float(rate)), mode="bilinear"
            )
            x = torch.cat((x, level[..., before * each : (before + frames) * each]), 1)
            x = block(x, self._grains(source[:, 1], before, x, self.hop // each))
        result: Tensor = self.conv_post(F.leaky_relu_(x, SLOPE)).tanh_()[:, :, 0]
        return result

    def _grains(self, noise: Tensor, before: int, x: Tensor, stride: int) -> Tensor:
        """The noise of a block with input x, (layers, B, channels, 1, n): every `stride`-th sample
        of (B, N hop), with another delay for each layer and channel, of GRAIN_FRAMES at most."""
        span = shapes.GRAIN_FRAMES * self.hop
        if missing := max(0, span - before * self.hop):  # at the start of a sound
            noise = F.pad(noise[:, None], (missing, 0), mode="circular")[:, 0]
        batch, in_channels, _, length = x.shape
        layers = self._layers
        # the input has the level's channels, and a quarter as many of the source
        channels = in_channels * 2 // 5
        step = span // (layers * channels)
        first = before * self.hop + missing - layers * channels * step
        sides = (layers, batch, channels, 1, length)
        strides = (channels * step, noise.stride(0), step, 0, stride)
        return noise[:, first:].as_strided(sides, strides)

    def use_fastest_layout(self) -> None:
        """Store the weights in their fastest layout, and create the filters."""
        lay_out(self)
        weight = self.conv_post.weight
        self._filters = [
            low_pass_filter(rate).to(weight.device, weight.dtype) for rate in reversed(self.rates)
        ]


class RefineBlock(nn.Module):
    """The mean of residual blocks of different kernel sizes, with noise before and after each."""

    def __init__(self, in_channels: int, channels: int, shape: shapes.SynthesizerShape) -> None:
        super().__init__()
        self.channels = channels
        self.input_conv = ImageConv1d(
            in_channels, channels, shapes.OUTER_KERNEL, padding=shapes.OUTER_KERNEL // 2
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                AddNoise(channels),
                ResidualBlock(channels, width, dilations, SLOPE),
                AddNoise(channels),
            )
            for width, dilations in zip(
                shape.resblock_kernels, shape.resblock_dilations, strict=True
            )
        )

    def forward(self, x: Tensor, grains: Tensor) -> Tensor:
        x = self.input_conv(x)
        total = torch.zeros_like(x)
        for layers, (first, last) in zip(
            self.blocks, torch.unflatten(grains, 0, (-1, 2)), strict=True
        ):
            before, block, after = layers.children()
            total += after(block(before(x, first)), last)
        return total.div_(len(self.blocks))


class AddNoise(nn.Module):
    """Adds noise with a learned gain per channel. Applio calls it AdaIN."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), 1e-4))

    def forward(self, x: Tensor, grains: Tensor) -> Tensor:
        return F.leaky_relu_(torch.addcmul(x, grains, self.weight[:, None, None]), SLOPE)


def low_pass_filter(rate: int) -> Tensor:
    """The filter (1, 1, 1, taps) for every `rate`-th sample: a sinc with a Kaiser window, as in
    torchaudio's `resample` (sinc_interp_kaiser). Sample k of the result is centred at sample k *
    rate."""
    reach = shapes.sinc_reach(rate)
    taps = torch.arange(-reach, reach + rate, dtype=torch.float64) / rate * shapes.SINC_ROLLOFF
    taps = taps.clamp(-shapes.SINC_ZEROS, shapes.SINC_ZEROS)
    bent = torch.i0(KAISER_BETA * (1.0 - (taps / shapes.SINC_ZEROS) ** 2).sqrt())
    window = bent / torch.i0(torch.tensor(KAISER_BETA, dtype=torch.float64))
    return (torch.sinc(taps) * window * (shapes.SINC_ROLLOFF / rate))[None, None, None].float()


def downsample(x: Tensor, rate: int, low_pass: Tensor) -> Tensor:
    """Every `rate`-th sample of (B, C, 1, n), low-passed, with silence before and after it."""
    if rate == 1:
        return x
    batch, channels, _, length = x.shape
    reach = (low_pass.shape[-1] - rate) // 2
    apart = F.pad(x, (reach, reach + rate)).reshape(batch * channels, 1, 1, -1)
    return F.conv2d(apart, low_pass, stride=(1, rate))[..., : length // rate].reshape(
        batch, channels, 1, -1
    )
