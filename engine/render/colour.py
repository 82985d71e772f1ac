"""Colours of the layers: from the channel's pitch, from a set of hues, or from a palette. Pure.

Hues are in turns: 0 red, 1/3 green, 2/3 blue; by pitch and from a set they are fully saturated.
"""

import math
from collections.abc import Sequence

from engine.render.look import Look, smoothstep
from engine.render.palettes import Rgb, oklab_of_display, palette_rgb, station
from engine.values import CHANNELS, MIDDLE_C_HZ, ChannelFeatures

MIN_HZ, MAX_HZ = 20.0, 20_000.0
LOST, FULL_CHROMA = 0.9, 0.06
PITCH_REACH = 0.04  # turns of the palette, to each side: a quarter of the way to the next of four colours

_SCHEMES = (
    (0.0, 1 / 4, 1 / 2, 3 / 4),
    (0.0, 1 / 3, 2 / 3, 1 / 2),
    (0.0, 1 / 3, 2 / 3, 1 / 6),
)


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
    red, green, blue = (min(max(abs((hue * 6 + shift) % 6 - 3) - 1, 0.0), 1.0) for shift in (0, 4, 2))
    return red, green, blue


def layer_colours(look: Look, channels: Sequence[ChannelFeatures]) -> list[Rgb]:
    """RGB of the four layers, display values 0..1."""
    hues = [pitch_hue(features.pitch_hz) if features.hue is None else features.hue for features in channels]
    if look.colour_mode == "palette":
        return [_of_palette(look, channel, hue) for channel, hue in enumerate(hues)]
    base = look.base_hue + look.shift
    if look.colour_mode == "fixed":
        return [hue_rgb(look.spread * scheme_hue(look.scheme, channel) + base) for channel in range(CHANNELS)]
    return [hue_rgb(look.spread * ((hue + 0.5) % 1.0 - 0.5) + base) for hue in hues]


def _of_palette(look: Look, channel: int, hue: float) -> Rgb:
    """Colour of a layer on the palette.

    At full spread a layer has a colour of its own, and its note moves it a little to both sides, by the sine of its
    hue: as hues glide, and as the sine has no jump where a hue wraps, that stays calm.
    """
    moved = PITCH_REACH * math.sin(2 * math.pi * hue)
    return palette_rgb(look.palette, lambda count: look.shift + look.spread * (station(count, channel) + moved))


def dark_losses(rgb: Rgb) -> Rgb:
    """Share of red, green and blue that a colour of a palette loses on its way to black, 0..1.

    Dimmed as it is, orange turns brown and yellow turns olive. So between orange and yellow the dark parts lose green
    and blue, and go to the red of embers; lime loses red, and goes to green. Other colours lose nothing.
    """
    _, a, b = oklab_of_display(rgb)
    hue_deg = math.degrees(math.atan2(b, a)) % 360
    strength = smoothstep(math.hypot(a, b) / FULL_CHROMA)
    warm = smoothstep((hue_deg - 25) / 30) * smoothstep((112 - hue_deg) / 12)
    lime = smoothstep((hue_deg - 100) / 12) * smoothstep((142 - hue_deg) / 10)
    return LOST * lime * strength, LOST * warm * strength, 0.7 * LOST * warm * strength
