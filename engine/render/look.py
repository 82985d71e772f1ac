"""The parameters of the picture, read once per frame from the smoothed values. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from engine.values import CHANNELS, item_weights

SHRINK = 4
"""Picture pixels per texel of the pyramid's largest level, each way."""
MAX_LEVELS = 8
MIN_LEVEL_PX = 4
MIN_BLOOM_SIZE, MAX_BLOOM_SIZE = 1 / 200, 1 / 10  # of the picture's height, at radius 0 and 1
GLOW_SIZE = 1 / 8
# by eye: 1 is a strong effect
BLOOM_GAIN = 4.0
GLOW_GAIN = 0.5
CHROMATIC_SHIFT = 0.025  # of half the diagonal: shift of red and of blue in the corners
VIGNETTE_GAIN = 3.0  # the corners get 1 / (1 + 3) at 1
GRAIN_GAIN = 0.2
EXPOSURE_LIFT = 3.0  # dark parts get 1 + 3 times their light at 1: two stops
GRAIN_SIDE = 256
GRAIN_HZ = 24.0  # as cinema film
GRAIN_PX_HEIGHT = 1080  # a grain is one pixel up to this height
_SEED = 1895  # arbitrary but fixed, so that offline runs are reproducible
FADE_IN = (
    0.05  # a layer's weight rises from 0 to 1 over this range of intensity, so that nothing jumps
)


class PostStrengths(NamedTuple):
    """The amounts of a `PostLook` as the last pass uses them; Numba reads them by position: append
    new ones."""

    chromatic: float  # shift in the corners, of half the diagonal
    vignette: float
    grain: float
    dim: float  # factor of display values, for exposure below 0
    lift: float  # added gain of dark linear light, for exposure above 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PostLook:
    """Amounts of the post effects, 0..1; exposure -1..1. Pure.

    A lens bleeds a little of each light over the whole picture. Bloom and glow imitate that: the
    light of the picture is averaged down to a pyramid of ever smaller pictures and summed up again
    from the smallest, each level with its own weight (J. Jimenez, "Next Generation Post Processing
    in Call of Duty: Advanced Warfare", SIGGRAPH 2014, with other kernels: each step down averages 4
    x 4 texels with weights 1 3 3 1, each step up is a quadratic B-spline). Naively one wide
    Gaussian would cost hundreds of samples per pixel. The weights belong to sizes relative to the
    picture, so that a look is the same in any resolution. Light is added in linear light, taken as
    the square of display values: the square root is cheap, and hues stay."""

    bloom: float = 0.0
    bloom_radius: float = 0.5
    bloom_threshold: float = 0.6
    glow: float = 0.0
    chromatic: float = 0.0
    vignette: float = 0.0
    grain: float = 0.0
    exposure: float = 0.0

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "PostLook":
        return cls(**{name: values[f"/post/{name}"] for name in cls.__slots__})

    @property
    def has_light(self) -> bool:
        """True if an effect spreads light: bloom or glow."""
        return self.bloom > 0 or self.glow > 0

    @property
    def strengths(self) -> PostStrengths:
        dim = 1 + min(self.exposure, 0.0)
        lift = EXPOSURE_LIFT * max(self.exposure, 0.0)
        shift = self.chromatic * CHROMATIC_SHIFT
        return PostStrengths(
            shift, self.vignette * VIGNETTE_GAIN, self.grain * GRAIN_GAIN, dim, lift
        )

    @property
    def is_off(self) -> bool:
        return not (
            self.has_light or self.chromatic or self.vignette or self.grain or self.exposure
        )


NO_POST = PostLook()


def interpolate_post(outgoing: PostLook, incoming: PostLook, mix: float) -> PostLook:
    """Interpolate the amounts while one look dissolves into another. mix: Weight of the incoming
    one.

    Radius and threshold are those of the look that has a bloom, if only one has."""
    if not outgoing.bloom:
        outgoing = _with_shape_of(outgoing, incoming)
    elif not incoming.bloom:
        incoming = _with_shape_of(incoming, outgoing)
    own, other = (
        {name: getattr(look, name) for name in PostLook.__slots__} for look in (outgoing, incoming)
    )
    return PostLook(**{name: own[name] + (other[name] - own[name]) * mix for name in own})


def _with_shape_of(look: PostLook, other: PostLook) -> PostLook:
    return replace(look, bloom_radius=other.bloom_radius, bloom_threshold=other.bloom_threshold)


def pyramid_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Return width and height of each pyramid level, largest first: a quarter of the picture, an
    eighth, ..."""
    sizes = [(-(-width // SHRINK), -(-height // SHRINK))]
    while len(sizes) < MAX_LEVELS and min(sizes[-1]) > MIN_LEVEL_PX:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A light that spreads (bloom or glow): its threshold, and its weight in each level of the
    pyramid."""

    threshold: float
    """Brightness above which parts spread their light. -1 for all of them."""
    knee: float
    """Width of the transition around it."""
    weights: tuple[float, ...]
    """One per level, largest first; their sum is the gain."""


def spreads(look: PostLook, height: int, levels: int) -> list[Spread]:
    """Return the active ones of bloom and glow, for a picture of this height."""
    lights = []
    if look.bloom > 0:
        size = MIN_BLOOM_SIZE * (MAX_BLOOM_SIZE / MIN_BLOOM_SIZE) ** look.bloom_radius
        knee = min(0.2, 2 * look.bloom_threshold)
        threshold = look.bloom_threshold if look.bloom_threshold > 0 else -1.0
        weights = level_weights(size, height, levels)
        # the same light looks brighter on a larger area
        gain = look.bloom * BLOOM_GAIN * (1 - look.bloom_radius / 2)
        lights.append(_spread(threshold, knee, weights, gain))
    if look.glow > 0:
        lights.append(
            _spread(-1.0, 0.1, level_weights(GLOW_SIZE, height, levels), look.glow * GLOW_GAIN)
        )
    return lights


def _spread(threshold: float, knee: float, weights: list[float], gain: float) -> Spread:
    return Spread(
        threshold=threshold,
        knee=max(knee, 1e-3),
        weights=tuple(gain * weight for weight in weights),
    )


def level_weights(size: float, height: int, levels: int) -> list[float]:
    """Return the weights of the levels, sum 1: highest where a texel is `size` of the picture's
    height, half of that an octave below, a quarter an octave above, so that a dark background stays
    dark."""
    octaves = [math.log2(SHRINK * 2**level / height / size) for level in range(levels)]
    raw = [2.0**octave if octave < 0 else 4.0**-octave for octave in octaves]
    return [weight / sum(raw) for weight in raw]


def grain_tile() -> np.ndarray:
    """Create the grain tile, (256, 256) float32, mean 0, standard deviation 1, nearly Gaussian;
    tileable and soft."""
    sums = np.random.default_rng(_SEED).random((4, GRAIN_SIDE, GRAIN_SIDE)).sum(axis=0) - 2
    soft = sum(np.roll(sums, step, axis) for axis in (0, 1) for step in (-1, 1)) * 0.25 + sums
    soft -= soft.mean()
    return np.ascontiguousarray(soft / soft.std(), np.float32)


def grain_offset(time_s: float) -> tuple[int, int]:
    """Return column and row of the tile's origin at this time, 0..255 each; the same for the same
    time."""
    number = math.floor(time_s * GRAIN_HZ + 0.01) & 0xFFFFFFFF
    for factor in (2654435761, 2246822519):  # integer hash, as in xxHash (Y. Collet)
        number = (number ^ number >> 15) * factor & 0xFFFFFFFF
    number ^= number >> 16
    return number & (GRAIN_SIDE - 1), number >> 8 & (GRAIN_SIDE - 1)


def grain_px(height: int) -> int:
    """Return the size of a grain, in pixels, in a picture of this height."""
    return max(1, round(height / GRAIN_PX_HEIGHT))


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLook:
    """Parameters of one of layers 1 to 4."""

    weight: float
    """0..1: fades in over the first 0.05 of intensity; 0 when muted, or when only other layers are
    soloed."""
    intensity: float
    angle_rad: float
    curve: float
    phase: float
    ratio: float
    is_mirrored: bool
    """True if the wave is mirrored at its end; otherwise it repeats, with a seam."""
    shape: str = "stripes"
    line_width: float = 0.003
    """Thickness of a trace, as a fraction of the picture's height."""
    line_glow: float = 0.0
    """Reach of the trace's glow, as a fraction of the picture's height."""

    @property
    def is_line(self) -> bool:
        """True if a trace is drawn instead of the wave's brightness."""
        return self.shape in ("line", "circle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All inputs of a picture except sound and images. Values are in range (accepted by the
    schema)."""

    is_simple: bool
    layers: tuple[LayerLook, ...]
    colour_mode: str
    base_hue: float
    scheme: float
    spread: float
    palette: tuple[tuple[str, float], ...]
    """Names of palettes with their weights, which add up to 1."""
    shift: float
    colour_map: float
    """Amount of recolouring by the palette's ramp, 0..1."""
    blend_weights: tuple[float, float, float, float]
    """Weights of add, screen, difference, dodge; sum 1, at most two are above 0."""
    brightness: float
    bias: float
    tone: str
    """soft, clip or filmic."""
    is_linear: bool
    """True if layers are blended as light; otherwise as display values."""
    is_alpha_luma: bool
    layer5_weight: float
    is_layer5_mirrored: bool
    is_layer5_sharp: bool
    has_regions: bool
    region_spread: float
    feedback_amount: float
    feedback_zoom: float
    feedback_angle_rad: float
    feedback_hue: float
    mirror: str
    segments: int
    hits: int
    """Number of `/master/hit` so far."""
    white: float
    """Fraction of white in the picture, from the strobe."""
    fade: float
    is_black: bool
    is_frozen: bool
    is_flash_guarded: bool
    post: PostLook = NO_POST

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "Look":
        """Read a look from parameter values, address -> value, as returned by `Slew.step`."""
        return cls(
            is_simple=values["/mode"] == "simple",
            layers=_layers(values),
            colour_mode=values["/colour/mode"],
            base_hue=values["/colour/base_hue"],
            scheme=values["/colour/scheme"],
            spread=values["/colour/spread"],
            palette=item_weights(values["/colour/palette"]),
            shift=values["/colour/shift"],
            colour_map=values["/colour/map"],
            blend_weights=blend_weights(values["/multiverse/blend"]),
            brightness=values["/multiverse/brightness"],
            bias=values["/multiverse/bias"],
            tone=values["/multiverse/tone"],
            is_linear=values["/multiverse/light"] == "linear",
            is_alpha_luma=values["/multiverse/alpha"] == "luma",
            layer5_weight=0.0
            if values["/layer/5/source"] == "off"
            else values["/layer/5/intensity"],
            is_layer5_mirrored=values["/layer/5/mirror"],
            is_layer5_sharp=values["/layer/5/filter"] == "sharp",
            has_regions=values["/region/enable"],
            region_spread=values["/region/spread"],
            feedback_amount=values["/feedback/amount"],
            feedback_zoom=values["/feedback/zoom"],
            feedback_angle_rad=math.radians(values["/feedback/rotate"]),
            feedback_hue=values["/feedback/hue"],
            mirror=values["/mirror/mode"],
            segments=values["/mirror/segments"],
            hits=values["/master/hit"],
            white=0.0,
            fade=values["/master/fade"],
            is_black=values["/master/blackout"],
            is_frozen=values["/master/freeze"],
            is_flash_guarded=values["/safety/flash_guard"],
            post=PostLook.from_values(values),
        )


def _layers(values: Mapping[str, Any]) -> tuple[LayerLook, ...]:
    has_solo = any(values[f"/layer/{n}/solo"] for n in range(1, CHANNELS + 1))
    layers = []
    for n in range(1, CHANNELS + 1):
        at = f"/layer/{n}"
        is_active = not values[f"{at}/mute"] and (values[f"{at}/solo"] or not has_solo)
        intensity = values[f"{at}/intensity"]
        layers.append(
            LayerLook(
                weight=smoothstep(intensity / FADE_IN) if is_active else 0.0,
                intensity=intensity,
                angle_rad=math.radians(values[f"{at}/angle"]),
                curve=values[f"{at}/curve"],
                phase=values[f"{at}/phase"],
                ratio=values[f"{at}/ratio"],
                is_mirrored=values[f"{at}/wrap"] == "mirror",
                shape=values[f"{at}/shape"],
                line_width=values[f"{at}/line_width"] / 100,
                line_glow=values[f"{at}/line_glow"] / 100,
            )
        )
    return tuple(layers)


def smoothstep(x: float) -> float:
    """Smoothstep: 0 below 0, 1 above 1, smooth in between."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def blend_weights(blend: float) -> tuple[float, float, float, float]:
    """Return the weights of add, screen, difference, dodge at `/multiverse/blend` 0..3, crossfaded
    between stops."""
    weights = [0.0] * 4
    stop = min(int(blend), 2)
    weights[stop] = 1.0 - (blend - stop)
    weights[stop + 1] = blend - stop
    return (weights[0], weights[1], weights[2], weights[3])
