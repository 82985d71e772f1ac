"""Colours of the layers: from the channel's pitch, from a set of hues, or from a palette. Pure.

Hues are in turns: 0 red, 1/3 green, 2/3 blue; by pitch and from a set they are fully saturated.

A position on a palette (osc_schema/palettes.py) is in turns, too. Half a turn passes from the first
colour to the last, the other half goes back, so a position that runs round and round meets no jump.
Between two colours lightness and chroma are interpolated, and the hue is that of the straight line
through Oklab (Ottosson 2020): the line alone would be grey halfway between two hues.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np

from engine.render.look import Look, smoothstep
from engine.values import CHANNELS, MIDDLE_C_HZ, ChannelFeatures
from osc_schema.palettes import PALETTES, RAMP_POSITIONS, Palette, encoded, linear_rgb, oklab_of

Lab = tuple[float, float, float]
Rgb = tuple[float, float, float]
PaletteMix = tuple[tuple[str, float], ...]
"""Names of palettes with their weights, which add up to 1; more than one while the palette
changes."""

RAMP_STOPS = 17  # linear between them: less than one 8-bit level from the exact ramp in most of it
_BY_NAME = {palette.name: palette for palette in PALETTES}
MIN_HZ, MAX_HZ = 20.0, 20_000.0
DARK_LOSS = 0.9
FULL_CHROMA = 0.06
PITCH_REACH = (
    0.04  # turns of the palette, to each side: a quarter of the way to the next of four colours
)

_SCHEMES = ((0.0, 1 / 4, 1 / 2, 3 / 4), (0.0, 1 / 3, 2 / 3, 1 / 2), (0.0, 1 / 3, 2 / 3, 1 / 6))


def palette_position(count: int, layer: int) -> float:
    """Return the position, in turns, of the colour of layer 0..3 in a palette of `count` colours at
    full spread."""
    index = (0.0, 1.0, 2.0, 3.0)[layer] if count > 3 else (0.0, 1.0, 2.0, 0.5)[layer]
    return index / (2 * (count - 1))


def palette_rgb(palette_mix: PaletteMix, turns_of: Callable[[int], float]) -> Rgb:
    """Return display values 0..1 of a mix of palettes, each read at `turns_of(number of its
    colours)`."""
    palettes = [_BY_NAME[name] for name, _ in palette_mix]
    colours = [_palette_colour(palette, turns_of(len(palette.colours))) for palette in palettes]
    return display_rgb(_mix(colours, [weight for _, weight in palette_mix]))


def display_rgb(lab: Lab) -> Rgb:
    """Display values 0..1 of an Oklab colour; outside sRGB it loses chroma and keeps lightness and
    hue."""
    red, green, blue = linear = linear_rgb(lab)
    if not _is_in_gamut(linear):
        red, green, blue = linear_rgb(_clip_chroma(lab))
    return encoded(red), encoded(green), encoded(blue)


def linear_light(value: float) -> float:
    """Linear light of a display value, 0..1 (sRGB, IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def oklab_of_display(rgb: Rgb) -> Lab:
    """Oklab of display values (Ottosson 2020)."""
    red, green, blue = map(linear_light, rgb)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _clip_chroma(lab: Lab) -> Lab:
    """Reduce chroma until the colour is inside sRGB, to a thousandth."""
    low, high = 0.0, 1.0
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (
            (middle, high)
            if _is_in_gamut(linear_rgb(_scale_chroma(lab, middle)))
            else (low, middle)
        )
    return _scale_chroma(lab, low)


@lru_cache(maxsize=64)
def ramp_rgb(palette_mix: PaletteMix) -> np.ndarray:
    """Return the palette's ramp from black to the highlight, (17, 3) float32 display values 0..1.
    Read-only."""
    stops = []
    for name, _ in palette_mix:
        stops.append([(0.0, 0.0, 0.0), *(oklab_of(colour) for colour in _BY_NAME[name].ramp)])
    weights = [weight for _, weight in palette_mix]
    mixed = [_mix([own[k] for own in stops], weights) for k in range(len(RAMP_POSITIONS))]
    # black with the hue of the deep stop: it has no chroma at lightness 0
    mixed[0] = (0.0, *mixed[1][1:])
    ramp = np.array(
        [display_rgb(_ramp_colour(mixed, k / (RAMP_STOPS - 1))) for k in range(RAMP_STOPS)],
        np.float32,
    )
    ramp[0] = 0.0
    ramp.setflags(write=False)
    return ramp


@lru_cache(maxsize=256)
def shader_colours(
    palette_mix: PaletteMix, shift: float
) -> tuple[tuple[float, float, float, float], ...]:
    """Four opaque colours for a shader, display values 0..1: deep, two colours of the palette,
    highlight.

    `shift` in turns moves the two colours along the palette, as it moves those of the layers."""
    ramp = ramp_rgb(palette_mix)
    deep, highlight = (
        tuple(ramp[k].tolist())
        for k in (round(RAMP_POSITIONS[1] * (RAMP_STOPS - 1)), RAMP_STOPS - 1)
    )
    first = palette_rgb(palette_mix, lambda count: shift + palette_position(count, 0))
    second = palette_rgb(palette_mix, lambda count: shift + palette_position(count, 2))
    return tuple((red, green, blue, 1.0) for red, green, blue in (deep, first, second, highlight))


def _ramp_colour(stops: Sequence[Lab], position: float) -> Lab:
    segments = list(zip(pairwise(RAMP_POSITIONS), pairwise(stops), strict=True))
    for (start, end), (below, above) in segments:
        if position <= end:
            return _interpolate(below, above, (position - start) / (end - start))
    return stops[-1]


def _palette_colour(palette: Palette, turns: float) -> Lab:
    """Return the palette's colour at this position: from the first to the last in half a turn, and
    back."""
    colours = _labs(palette)
    way = 2 * (turns % 1.0)
    index = (way if way <= 1 else 2 - way) * (len(colours) - 1)
    below = min(int(index), len(colours) - 2)
    return _interpolate(colours[below], colours[below + 1], index - below)


@cache
def _labs(palette: Palette) -> tuple[Lab, ...]:
    return tuple(oklab_of(colour) for colour in palette.colours)


def _interpolate(start: Lab, end: Lab, fraction: float) -> Lab:
    """Interpolate lightness and chroma; the hue is that of the straight line."""
    start_weight = 1 - fraction
    lightness, a, b = (
        one * start_weight + other * fraction for one, other in zip(start, end, strict=True)
    )
    target_chroma = start_weight * math.hypot(start[1], start[2]) + fraction * math.hypot(
        end[1], end[2]
    )
    chroma = math.hypot(a, b)
    if chroma < 1e-6:
        return lightness, a, b
    return lightness, a * target_chroma / chroma, b * target_chroma / chroma


def _mix(colours: Sequence[Lab], weights: Sequence[float]) -> Lab:
    if len(colours) == 1:
        return colours[0]
    lightness, a, b = (
        sum(lab[k] * weight for lab, weight in zip(colours, weights, strict=True)) for k in range(3)
    )
    return lightness, a, b


def _scale_chroma(lab: Lab, factor: float) -> Lab:
    return lab[0], lab[1] * factor, lab[2] * factor


def _is_in_gamut(linear: Rgb) -> bool:
    return min(linear) >= -1e-6 and max(linear) <= 1 + 1e-6


def pitch_hue(pitch_hz: float) -> float:
    """Hue of a pitch, 0..1: C is red, an octave spans the hue circle."""
    return math.log2(min(max(pitch_hz, MIN_HZ), MAX_HZ) / MIDDLE_C_HZ) % 1.0


def scheme_hue(scheme: float, channel: int) -> float:
    """Hue of channel 0..3 at scheme 0..1: linear between the three sets at 0, 1/2 and 1."""
    position = scheme * 2
    lower = min(int(position), 1)
    start, end = _SCHEMES[lower][channel], _SCHEMES[lower + 1][channel]
    return start + (end - start) * (position - lower)


def hue_rgb(hue: float) -> Rgb:
    """RGB of a hue at saturation and value 1; any number of turns."""
    red, green, blue = (
        min(max(abs((hue * 6 + shift) % 6 - 3) - 1, 0.0), 1.0) for shift in (0, 4, 2)
    )
    return red, green, blue


def layer_colours(look: Look, channels: Sequence[ChannelFeatures]) -> list[Rgb]:
    """RGB of the four layers, display values 0..1."""
    hues = [
        pitch_hue(features.pitch_hz) if features.hue is None else features.hue
        for features in channels
    ]
    if look.colour_mode == "palette":
        return [_layer_rgb(look, channel, hue) for channel, hue in enumerate(hues)]
    base = look.base_hue + look.shift
    if look.colour_mode == "fixed":
        return [
            hue_rgb(look.spread * scheme_hue(look.scheme, channel) + base)
            for channel in range(CHANNELS)
        ]
    return [hue_rgb(look.spread * ((hue + 0.5) % 1.0 - 0.5) + base) for hue in hues]


def _layer_rgb(look: Look, channel: int, hue: float) -> Rgb:
    """Colour of a layer on the palette.

    At full spread a layer has a colour of its own, and its note moves it a little to both sides, by
    the sine of its hue: as hues glide, and as the sine has no jump where a hue wraps, that stays
    calm."""
    moved = PITCH_REACH * math.sin(2 * math.pi * hue)
    return palette_rgb(
        look.palette, lambda n: look.shift + look.spread * (palette_position(n, channel) + moved)
    )


def dark_losses(rgb: Rgb) -> Rgb:
    """Return the fraction of red, green and blue that a palette colour loses towards black, 0..1.

    Dimmed as it is, orange turns brown and yellow turns olive. So between orange and yellow the
    dark parts lose green and blue, and go to the red of embers; lime loses red, and goes to green.
    Other colours lose nothing."""
    _, a, b = oklab_of_display(rgb)
    hue_deg = math.degrees(math.atan2(b, a)) % 360
    strength = smoothstep(math.hypot(a, b) / FULL_CHROMA)
    warm = smoothstep((hue_deg - 25) / 30) * smoothstep((112 - hue_deg) / 12)
    lime = smoothstep((hue_deg - 100) / 12) * smoothstep((142 - hue_deg) / 10)
    return (
        DARK_LOSS * lime * strength,
        DARK_LOSS * warm * strength,
        0.7 * DARK_LOSS * warm * strength,
    )
