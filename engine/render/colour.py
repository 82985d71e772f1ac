"""Colours of the layers: fully saturated, from the channel's pitch or from a scheme of hues. Pure.

Hues are in turns: 0 red, 1/3 green, 2/3 blue. Formulas: spec, "Colour of a channel".
"""

import math
from collections.abc import Sequence

from engine.values import CHANNELS, MIDDLE_C_HZ, ChannelFeatures

MIN_HZ, MAX_HZ = 20.0, 20_000.0

_SCHEMES = (
    (0.0, 1 / 4, 1 / 2, 3 / 4),
    (0.0, 1 / 3, 2 / 3, 1 / 2),
    (0.0, 1 / 3, 2 / 3, 1 / 6),
)


def pitch_hue(pitch_hz: float) -> float:
    """Hue of a pitch, 0..1: C is red, an octave spans the hue circle."""
    return math.log2(min(max(pitch_hz, MIN_HZ), MAX_HZ) / MIDDLE_C_HZ) % 1.0


def scheme_hue(scheme: float, channel: int) -> float:
    """Hue of channel 0..3 at scheme 0..1: linear between the three sets of the spec at 0, 1/2 and 1."""
    position = scheme * 2
    lower = min(int(position), 1)
    start, end = _SCHEMES[lower][channel], _SCHEMES[lower + 1][channel]
    return start + (end - start) * (position - lower)


def hue_rgb(hue: float) -> tuple[float, float, float]:
    """RGB of a hue at saturation and value 1; any number of turns."""
    red, green, blue = (min(max(abs((hue * 6 + shift) % 6 - 3) - 1, 0.0), 1.0) for shift in (0, 4, 2))
    return red, green, blue


def layer_colours(
    mode: str, base_hue: float, scheme: float, channels: Sequence[ChannelFeatures], spread: float = 1.0
) -> list[tuple[float, float, float]]:
    """RGB of the four layers in `mode` "pitch" or "scheme"; `spread` 0..1 scales the hues' distances from the base."""
    if mode == "scheme":
        return [hue_rgb(spread * scheme_hue(scheme, channel) + base_hue) for channel in range(CHANNELS)]
    hues = [pitch_hue(features.pitch_hz) if features.hue is None else features.hue for features in channels]
    return [hue_rgb(spread * ((hue + 0.5) % 1.0 - 0.5) + base_hue) for hue in hues]
