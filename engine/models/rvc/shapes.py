"""Sizes of RVC synthesizers: those of a checkpoint's `config`, those of the published models, and
the fixed ones.

Importing this module does not load torch.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from engine.errors import ModelError

Version = Literal["v1", "v2"]
Vocoder = Literal["HiFi-GAN", "RefineGAN"]
VOCODERS: Final[tuple[Vocoder, ...]] = get_args(Vocoder)
"""The decoders that are implemented here, by their names in Applio. The WebUI has only HiFi-GAN."""
CONTENT_CHANNELS: Final[dict[Version, int]] = {"v1": 256, "v2": 768}
LAYERS: Final[dict[Version, int]] = {"v1": 9, "v2": 12}
"""The layer of HuBERT that a voice is trained on."""
RATES: Final = {"32k": 32_000, "40k": 40_000, "48k": 48_000}
"""Sample rates in the form of old files."""
CONFIG_ITEMS: Final = 18
MAX_SIZE: Final = 8192  # of channels, layers and speakers; a broken file may say anything

# The same in every synthesizer.
PITCH_BINS: Final = 256
ATTENTION_WINDOW: Final = 10  # frames: the farthest relative position that attention knows
FLOW_COUPLINGS: Final = 4
FLOW_LAYERS: Final = 3
FLOW_KERNEL: Final = 5
# 24: two frames for each convolution of the flow
FLOW_LEAD_IN_FRAMES: Final = 2 * FLOW_COUPLINGS * FLOW_LAYERS
OUTER_KERNEL: Final = 7  # the decoder's first and last convolution
DOWN_KERNEL: Final = 7  # RefineGAN's convolutions on the way down
GRAIN_FRAMES: Final = (
    8  # RefineGAN's noise is delayed by up to this: over a sample for each of 6 x 256 channels
)
SINC_ZEROS: Final = 64  # of RefineGAN's filters, on both sides
SINC_ROLLOFF: Final = 0.9475937167399596
_PUBLISHED: Final[list[tuple[Version, int, tuple[int, ...], tuple[int, ...]]]] = [
    ("v2", 48_000, (12, 10, 2, 2), (24, 20, 4, 4)),
    ("v2", 40_000, (10, 10, 2, 2), (16, 16, 4, 4)),
    ("v2", 32_000, (10, 8, 2, 2), (20, 16, 4, 4)),
    ("v1", 48_000, (10, 6, 2, 2, 2), (16, 16, 4, 4, 4)),
    ("v1", 40_000, (10, 10, 2, 2), (16, 16, 4, 4)),
    ("v1", 32_000, (10, 4, 2, 2, 2), (16, 16, 4, 4, 4)),
]
"""Version, rate, and the steps and kernels of the upsampling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesizerShape:
    """The sizes in a checkpoint's `config`. Defaults are those of every published base model."""

    version: Version
    rate_hz: int
    upsample_rates: tuple[int, ...]
    """Their product is `hop`."""
    upsample_kernels: tuple[int, ...]
    vocoder: Vocoder = "HiFi-GAN"
    has_pitch: bool = True
    speakers: int = 109
    latent: int = 192
    hidden: int = 192
    filter: int = 768
    heads: int = 2
    layers: int = 6
    kernel: int = 3
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5),) * 3
    initial: int = 512
    """Channels before the first upsampling level; each level halves them."""
    gin: int = 256
    """Channels of a speaker embedding."""

    @property
    def content_channels(self) -> int:
        return CONTENT_CHANNELS[self.version]

    @property
    def hop(self) -> int:
        """Samples per frame of 10 ms."""
        return math.prod(self.upsample_rates)

    def stretched_hop(self, formant: float) -> int:
        """Samples that the decoder creates per frame, which are then played in 10 ms; `formant` in
        semitones. A formant above 0 means more samples, which sounds like a smaller vocal tract."""
        return round(self.hop * float(2.0 ** (formant / 12.0)))

    @property
    def lead_in_frames(self) -> int:
        """Frames of the latent before and after a frame that its samples depend on: 10 to 13 for
        the published shapes. It is the decoder's receptive field, computed backwards from the last
        convolution."""
        samples = OUTER_KERNEL // 2  # conv_post
        widest = max(
            sum((kernel - 1) // 2 * (dilation + 1) for dilation in dilations)
            for kernel, dilations in zip(
                self.resblock_kernels, self.resblock_dilations, strict=True
            )
        )
        for rate, kernel in zip(
            reversed(self.upsample_rates), reversed(self.upsample_kernels), strict=True
        ):
            samples += widest
            if self.vocoder == "RefineGAN":
                samples = (
                    samples + OUTER_KERNEL // 2 + (rate - 1) // 2
                ) // rate + 1  # linear interpolation
            else:
                samples = (samples + kernel - 1 - (kernel - rate) // 2) // rate
        return samples + OUTER_KERNEL // 2  # conv_pre

    @property
    def refine_channels(self) -> int:
        """Channels of RefineGAN's first convolution; each downsampling doubles them, up to half of
        `initial`."""
        return self.initial >> len(self.upsample_rates) + 1

    @property
    def source_lead_frames(self) -> int:
        """Frames of the source before and after the latent that RefineGAN's filters see; 0 for
        HiFi-GAN."""
        if self.vocoder != "RefineGAN":
            return 0
        reach = 0.0
        rate = 1
        for each in self.upsample_rates:
            reach += (DOWN_KERNEL // 2 + 0.0) / rate
            rate *= each
            reach += sinc_reach(each) / rate
        return math.ceil(reach + (OUTER_KERNEL // 2) / rate)

    def config(self) -> list[Any]:
        """The 18 items as in a checkpoint."""
        return [
            self.rate_hz // 32 + 1
            if self.rate_hz < 40_000
            else 1025,  # bins of the spectrum used in training
            32,  # frames per training segment
            self.latent,
            self.hidden,
            self.filter,
            self.heads,
            self.layers,
            self.kernel,
            0,
            "1",
            list(self.resblock_kernels),
            [list(dilations) for dilations in self.resblock_dilations],
            list(self.upsample_rates),
            self.initial,
            list(self.upsample_kernels),
            self.speakers,
            self.gin,
            self.rate_hz,
        ]


def sinc_reach(rate: int) -> int:
    """Samples before and after one that RefineGAN's filter for every `rate`-th sample sees."""
    return math.ceil(SINC_ZEROS * rate / SINC_ROLLOFF)


SHAPES: Final[dict[str, SynthesizerShape]] = {
    f"{version}-{rate_hz // 1000}k": SynthesizerShape(
        version=version, rate_hz=rate_hz, upsample_rates=rates, upsample_kernels=kernels
    )
    for version, rate_hz, rates, kernels in _PUBLISHED
}
SHAPES["tiny"] = replace(
    SHAPES["v2-40k"], speakers=2, latent=16, hidden=32, filter=64, layers=2, initial=64, gin=16
)
SHAPES["tiny-refinegan"] = replace(SHAPES["tiny"], vocoder="RefineGAN")
"""Published shapes are named VERSION-RATE. `tiny` is not published: it is fast enough for one CPU
thread."""


def shape_named(name: str) -> SynthesizerShape:
    """The shape with this name; ModelError for an unknown one."""
    if name not in SHAPES:
        raise ModelError(f"shape {name}: not one of {', '.join(SHAPES)}")
    return SHAPES[name]
