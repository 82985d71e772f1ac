"""The looks that the ground of recipe 2 can have, and the ranges that their numbers are drawn from.

Hue, saturation and brightness are drawn apart: each look has a range of each, wide enough to hold what is found on
sites, and their middles follow no rule over all looks.
"""

import colorsys
from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.scene.description import Cover, CoverKind
from engine.jobs.kit.span import Span, between

Rgb = tuple[float, float, float]

LUMINANCE = (0.2126, 0.7152, 0.0722)
MAX_ALBEDO = 0.9
ACCENT_TURN_DEG = 8.0
"""How far the accent's hue may be from the first colour's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverRange:
    """Ranges of one look. Hue in degrees, saturation as in HSV, brightness as luminance; of linear light."""

    hue_deg: Span
    saturation: Span
    brightness: Span
    accent_hue_deg: Span | None = None
    """None: near the first colour's."""
    accent_saturation: Span = (0.5, 1.2)
    """As a factor of the first colour's, unless the accent has a hue of its own."""
    accent_brightness: Span = (0.7, 1.5)
    """As a factor."""
    grain_m: Span = (0.05, 0.05)
    share: Span = (0.2, 0.8)
    contrast: Span = (0.7, 1.3)
    weeds: Span = (0.0, 0.2)
    """Share of the ground with tufts of grass."""
    is_earth: bool = False
    """True if the ground below has its colour; otherwise it is some earth."""


COVERS: dict[CoverKind, CoverRange] = {
    CoverKind.GRAVEL: CoverRange(
        hue_deg=(-150, 210), saturation=(0.0, 0.10), brightness=(0.06, 0.36), grain_m=(0.025, 0.075),
        accent_hue_deg=(22, 40), accent_saturation=(0.1, 0.5), accent_brightness=(0.8, 1.5), weeds=(0.0, 0.12),
    ),
    CoverKind.SAND: CoverRange(
        hue_deg=(29, 40), saturation=(0.28, 0.64), brightness=(0.28, 0.62), grain_m=(0.10, 0.24),
        accent_saturation=(1.0, 1.4), accent_brightness=(0.55, 0.8), weeds=(0.0, 0.12),
    ),
    CoverKind.LOESS: CoverRange(
        hue_deg=(28, 39), saturation=(0.50, 0.78), brightness=(0.15, 0.45),
        accent_brightness=(0.85, 1.35), accent_saturation=(0.8, 1.0), weeds=(0.0, 0.35), is_earth=True,
    ),
    CoverKind.RED_EARTH: CoverRange(
        hue_deg=(13, 23), saturation=(0.62, 0.82), brightness=(0.06, 0.28),
        accent_hue_deg=(16, 28), accent_saturation=(0.55, 0.76), accent_brightness=(0.8, 1.3), weeds=(0.0, 0.5),
        is_earth=True,
    ),
    CoverKind.WET_EARTH: CoverRange(
        hue_deg=(21, 44), saturation=(0.05, 0.55), brightness=(0.030, 0.100), share=(0.1, 0.6),
        accent_hue_deg=(26, 44), accent_saturation=(0.1, 0.55), accent_brightness=(1.0, 3.2), weeds=(0.0, 0.15),
        is_earth=True,
    ),
    CoverKind.STRAW: CoverRange(
        hue_deg=(30, 38), saturation=(0.32, 0.62), brightness=(0.18, 0.50), share=(0.4, 0.95),
        accent_saturation=(0.6, 1.0), accent_brightness=(0.55, 1.3), weeds=(0.0, 0.1),
    ),
    CoverKind.STUBBLE: CoverRange(
        hue_deg=(28, 41), saturation=(0.34, 0.68), brightness=(0.14, 0.40), grain_m=(0.125, 0.30), share=(0.3, 0.8),
        accent_saturation=(0.6, 1.0), accent_brightness=(0.9, 1.5), weeds=(0.0, 0.15),
    ),
    CoverKind.GRASS: CoverRange(
        hue_deg=(60, 92), saturation=(0.45, 0.80), brightness=(0.04, 0.18), grain_m=(0.10, 0.28), share=(0.0, 0.9),
        accent_hue_deg=(36, 52), accent_saturation=(0.4, 0.64), accent_brightness=(0.9, 2.0), weeds=(0.0, 0.0),
    ),
    CoverKind.SNOW: CoverRange(
        hue_deg=(-150, 210), saturation=(0.0, 0.06), brightness=(0.42, 0.82), share=(0.0, 0.62), weeds=(0.0, 0.06),
    ),
    CoverKind.ASPHALT: CoverRange(
        hue_deg=(-150, 210), saturation=(0.0, 0.06), brightness=(0.035, 0.24), grain_m=(0.015, 0.03),
        accent_hue_deg=(22, 40), accent_saturation=(0.2, 0.6), accent_brightness=(1.0, 3.0), weeds=(0.0, 0.04),
    ),
    CoverKind.RUBBLE: CoverRange(
        hue_deg=(22, 45), saturation=(0.05, 0.35), brightness=(0.08, 0.34),
        accent_hue_deg=(10, 20), accent_saturation=(0.55, 0.85), accent_brightness=(0.4, 0.9), weeds=(0.0, 0.12),
    ),
}  # fmt: skip

EARTH = CoverRange(hue_deg=(20, 38), saturation=(0.42, 0.72), brightness=(0.04, 0.24))
GRASS = CoverRange(hue_deg=(60, 94), saturation=(0.4, 0.75), brightness=(0.03, 0.11))


def draw_cover(kind: CoverKind, draw: np.random.Generator) -> tuple[Cover, Rgb]:
    """Draw a look's numbers; also the colour of the earth below it."""
    limits = COVERS[kind]
    hue, saturation, brightness, turn, dull, light, grain, share, contrast, heading = draw.random(10).tolist()
    hue_deg = between(limits.hue_deg, hue)
    color = color_of(hue_deg, between(limits.saturation, saturation), between(limits.brightness, brightness))
    dullness = between(limits.accent_saturation, dull)
    if limits.accent_hue_deg is None:
        accent_hue, dullness = (
            hue_deg + ACCENT_TURN_DEG * (2 * turn - 1),
            dullness * between(limits.saturation, saturation),
        )
    else:
        accent_hue = between(limits.accent_hue_deg, turn)
    accent = color_of(
        accent_hue, dullness, between(limits.brightness, brightness) * between(limits.accent_brightness, light)
    )
    earth = draw_color(EARTH, draw)
    if limits.is_earth:
        factor = 0.7 + 0.7 * dull
        earth = (color[0] * factor, color[1] * factor, color[2] * factor)
    if kind is CoverKind.SNOW:
        accent = earth  # what shows through it
    cover = Cover(
        kind=kind,
        color=color,
        accent=accent,
        share=between(limits.share, share),
        contrast=between(limits.contrast, contrast),
        grain_m=between(limits.grain_m, grain),
        heading=2 * np.pi * heading,
    )
    return cover, earth


def draw_color(limits: CoverRange, draw: np.random.Generator) -> Rgb:
    hue, saturation, brightness = draw.random(3).tolist()
    return color_of(
        between(limits.hue_deg, hue), between(limits.saturation, saturation), between(limits.brightness, brightness)
    )


def color_of(hue_deg: float, saturation: float, brightness: float) -> Rgb:
    """The colour of this hue and saturation (HSV) with this luminance; darker if it would pass MAX_ALBEDO."""
    pure = colorsys.hsv_to_rgb(hue_deg / 360 % 1, min(saturation, 0.95), 1.0)
    scale = brightness / sum(part * weight for part, weight in zip(pure, LUMINANCE, strict=True))
    scale = min(scale, MAX_ALBEDO)
    return pure[0] * scale, pure[1] * scale, pure[2] * scale
