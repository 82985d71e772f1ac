"""Palettes for `/colour/palette`, in OKLCH: lightness 0..1, chroma, hue in degrees.

Four or five colours each, in the order in which one passes into the next, and the three stops of a
ramp that begins in black: deep, body, highlight. OKLCH is the polar form of Oklab, where equal
steps look equally large (B. Ottosson, "A perceptual color space for image processing", 2020).

Chosen for projection on a dark ground: all inside sRGB; nothing between orange and yellow-green is
dark, because dark orange is brown and dark yellow is olive. Warm ramps start in wine red for the
same reason, green ones in petrol.
"""

import math
import re
from dataclasses import dataclass

Oklch = tuple[float, float, float]
RAMP_POSITIONS = (0.0, 0.3, 0.66, 1.0)
"""Brightness at which a ramp has black, its deep, its body and its highlight."""

_TABLE = """
ember: 0.50 0.195 20, 0.62 0.235 28, 0.71 0.19 46, 0.83 0.151 76
    ramp: 0.27 0.1 16, 0.64 0.22 32, 0.96 0.05 90
sodium: 0.75 0.17 60, 0.66 0.199 42, 0.84 0.147 78, 0.93 0.08 95
    ramp: 0.30 0.115 14, 0.70 0.185 46, 0.95 0.065 92
champagne: 0.90 0.065 80, 0.80 0.11 52, 0.72 0.13 28, 0.66 0.13 5
    ramp: 0.28 0.085 355, 0.74 0.125 22, 0.95 0.04 85
rose: 0.60 0.215 12, 0.69 0.18 5, 0.80 0.11 358, 0.91 0.05 350
    ramp: 0.25 0.09 0, 0.66 0.2 8, 0.96 0.023 350
velvet: 0.44 0.165 300, 0.46 0.18 345, 0.50 0.195 12, 0.66 0.2 3
    ramp: 0.22 0.08 330, 0.52 0.2 5, 0.90 0.054 5
sunset: 0.48 0.2 295, 0.58 0.22 345, 0.67 0.21 20, 0.79 0.145 58, 0.90 0.105 88
    ramp: 0.27 0.13 300, 0.64 0.215 10, 0.96 0.046 88
plasma: 0.42 0.22 272, 0.55 0.24 315, 0.66 0.215 8, 0.82 0.134 66
    ramp: 0.26 0.15 275, 0.62 0.22 350, 0.95 0.069 92
dusk: 0.42 0.14 278, 0.54 0.165 318, 0.68 0.155 2, 0.83 0.095 42
    ramp: 0.24 0.09 275, 0.60 0.16 340, 0.95 0.031 60
orchid: 0.50 0.24 302, 0.60 0.255 322, 0.72 0.2 338, 0.87 0.08 325
    ramp: 0.24 0.12 305, 0.62 0.25 326, 0.95 0.035 330
ultraviolet: 0.42 0.24 274, 0.51 0.26 288, 0.62 0.215 300, 0.77 0.125 306
    ramp: 0.24 0.14 278, 0.54 0.25 291, 0.93 0.04 305
neon: 0.66 0.26 350, 0.62 0.27 322, 0.54 0.25 290, 0.72 0.15 238, 0.89 0.135 196
    ramp: 0.25 0.14 288, 0.63 0.265 328, 0.95 0.055 200
vapor: 0.81 0.13 340, 0.73 0.145 310, 0.72 0.12 265, 0.80 0.105 225, 0.89 0.1 190
    ramp: 0.27 0.1 295, 0.74 0.14 322, 0.96 0.04 195
cobalt: 0.42 0.23 266, 0.52 0.225 262, 0.65 0.165 252, 0.81 0.095 238
    ramp: 0.22 0.12 266, 0.53 0.22 262, 0.94 0.035 230
deep_sea: 0.44 0.155 260, 0.58 0.13 240, 0.73 0.12 212, 0.87 0.125 182
    ramp: 0.21 0.085 262, 0.60 0.122 232, 0.94 0.075 182
ice: 0.56 0.15 256, 0.70 0.13 240, 0.83 0.085 225, 0.95 0.035 210
    ramp: 0.25 0.09 262, 0.70 0.125 238, 0.98 0.015 215
lagoon: 0.58 0.125 245, 0.70 0.12 220, 0.82 0.13 190, 0.91 0.125 170
    ramp: 0.24 0.067 250, 0.74 0.12 205, 0.97 0.042 170
emerald: 0.55 0.093 200, 0.66 0.13 170, 0.78 0.18 158, 0.91 0.125 165
    ramp: 0.24 0.04 205, 0.70 0.153 162, 0.96 0.057 168
laser: 0.62 0.189 146, 0.78 0.25 143, 0.88 0.24 132, 0.95 0.15 116
    ramp: 0.25 0.047 175, 0.78 0.24 144, 0.97 0.09 118
aurora: 0.86 0.19 152, 0.82 0.14 178, 0.66 0.13 235, 0.55 0.21 285, 0.63 0.25 322
    ramp: 0.24 0.11 280, 0.76 0.134 184, 0.96 0.06 160
peacock: 0.52 0.21 280, 0.60 0.165 255, 0.72 0.122 205, 0.86 0.17 163
    ramp: 0.23 0.11 278, 0.65 0.125 228, 0.95 0.074 165
fire_and_ice: 0.61 0.235 27, 0.78 0.155 60, 0.97 0.012 90, 0.79 0.105 228, 0.54 0.19 258
    ramp: 0.26 0.13 264, 0.64 0.215 8, 0.97 0.04 92
moonlight: 0.97 0.01 240, 0.83 0.03 250, 0.67 0.05 258, 0.50 0.075 264
    ramp: 0.24 0.04 268, 0.66 0.045 256, 0.98 0.008 230
"""
"""The colours of each palette, then its ramp; a colour is its lightness, chroma and hue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    name: str
    colours: tuple[Oklch, ...]
    ramp: tuple[Oklch, Oklch, Oklch]
    """Deep, body, highlight; black comes before them."""

    @property
    def hexes(self) -> tuple[str, ...]:
        """The colours as "#rrggbb"."""
        return tuple(oklch_hex(colour) for colour in self.colours)


def _colours(text: str) -> tuple[Oklch, ...]:
    numbers = [tuple(map(float, colour.split())) for colour in text.split(",")]
    return tuple((lightness, chroma, hue_deg) for lightness, chroma, hue_deg in numbers)


def _palette(name: str, colours: str, ramp: str) -> Palette:
    deep, body, highlight = _colours(ramp)
    return Palette(name=name, colours=_colours(colours), ramp=(deep, body, highlight))


PALETTES = tuple(
    _palette(*row) for row in re.findall(r"^(\w+): (.+)\n +ramp: (.+)$", _TABLE, re.MULTILINE)
)
NAMES = tuple(palette.name for palette in PALETTES)


def oklab_of(colour: Oklch) -> tuple[float, float, float]:
    """Convert an OKLCH colour to Oklab: lightness, a, b."""
    lightness, chroma, hue_deg = colour
    return (
        lightness,
        chroma * math.cos(math.radians(hue_deg)),
        chroma * math.sin(math.radians(hue_deg)),
    )


def linear_rgb(lab: tuple[float, float, float]) -> tuple[float, float, float]:
    """Linear red, green, blue of an Oklab colour; outside 0..1 if sRGB does not have it (Ottosson
    2020)."""
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def encoded(linear: float) -> float:
    """The display value 0..1 of linear light, clipped (sRGB, IEC 61966-2-1)."""
    light = min(max(linear, 0.0), 1.0)
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def oklch_hex(colour: Oklch) -> str:
    """ "#rrggbb" of a colour inside sRGB."""
    return "#" + "".join(
        f"{round(encoded(part) * 255):02x}" for part in linear_rgb(oklab_of(colour))
    )
