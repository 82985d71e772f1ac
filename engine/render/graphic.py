"""Texts and the logo: small images composited onto a look, and their placement. Pure.

They are drawn after the look and its shaders and before the post effects: bloom and grain apply to
them, and feedback, which reads the look, does not smear them. Each look of a dissolve has its own.

A texel is read between its neighbours (bilinear, nothing outside) and multiplied by the graphic's
`ink`; the result is premultiplied display values. graphic.glsl with the blending of OpenGL, and
numba_graphics.py, follow this.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from engine.render.colour import hue_rgb, shader_colours
from engine.values import item_weights

Colour = tuple[float, float, float]
_PALETTE: Final = ("deep", "first", "second", "highlight")
_PLAIN: Final[dict[str, Colour]] = {"white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphicImage:
    """A finished image of a text or the logo."""

    pixels: np.ndarray
    """(height, width, 4) uint8, C-contiguous and writable: red and green are the coverage by the
    letters and by their outline; of a logo premultiplied red, green, blue, and alpha."""
    height_px: float
    """Height of a line, or of the logo, for which it was rendered, in pixels of the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphic:
    """An image of a text or the logo, with its position and colours in a picture."""

    slot: int
    """0 for the logo, else the text's number: a look has at most one of each, drawn in this
    order."""
    image: GraphicImage
    x: float
    y: float
    """Its centre, as fractions of the picture's width and height."""
    angle_deg: float
    height_px: float
    """The image is scaled by height_px / image.height_px."""
    ink: tuple[tuple[float, ...], ...]
    """4 x 4, by rows: premultiplied red, green, blue and alpha from the four channels of a texel,
    opacity included."""
    blend: str
    """With s the graphic and d the picture: over s + d (1 - alpha), add s + d, screen s + d - s d,
    multiply s d + d (1 - alpha), invert s + d - 2 s d."""


def ink_colour(name: str, hue: float, values: Mapping[str, Any]) -> Colour:
    """Return the colour that an item of the menu `COLOURS` names."""
    if name == "hue":
        return hue_rgb(hue)
    if name in _PLAIN:
        return _PLAIN[name]
    palette = shader_colours(
        item_weights(values["/colour/palette"]), round(values["/colour/shift"], 3)
    )
    return palette[_PALETTE.index(name)][:3]


def letter_ink(fill: Colour, outline: Colour, opacity: float) -> tuple[tuple[float, ...], ...]:
    columns = (*fill, 1.0), (*outline, 1.0), (0.0,) * 4, (0.0,) * 4
    return tuple(tuple(opacity * column[row] for column in columns) for row in range(4))


def picture_ink(opacity: float) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(opacity * (row == column) for column in range(4)) for row in range(4))


def interpolate_graphics(
    old: Sequence[Graphic], new: Sequence[Graphic], mix: float
) -> tuple[Graphic, ...]:
    """Interpolate the graphics of two looks that are drawn as one: equal images move, others fade
    out and in."""
    before, after = ({each.slot: each for each in graphics} for graphics in (old, new))
    interpolated = []
    for slot in sorted(before | after):
        one = before.get(slot)
        other = after.get(slot)
        if (
            one is not None
            and other is not None
            and (one.image, one.blend) == (other.image, other.blend)
        ):
            interpolated.append(_interpolate(one, other, mix))
            continue
        interpolated += [
            _fade(each, part) for each, part in ((one, 1 - mix), (other, mix)) if each is not None
        ]
    return tuple(interpolated)


def _interpolate(old: Graphic, new: Graphic, mix: float) -> Graphic:
    def lerp(one: float, other: float) -> float:
        return one + (other - one) * mix

    turn = (new.angle_deg - old.angle_deg + 180) % 360 - 180
    return replace(
        new,
        x=lerp(old.x, new.x),
        y=lerp(old.y, new.y),
        angle_deg=old.angle_deg + turn * mix,
        height_px=lerp(old.height_px, new.height_px),
        ink=tuple(tuple(map(lerp, *rows)) for rows in zip(old.ink, new.ink, strict=True)),
    )


def _fade(graphic: Graphic, factor: float) -> Graphic:
    return replace(
        graphic, ink=tuple(tuple(factor * value for value in row) for row in graphic.ink)
    )


def draw_coverage(
    graphics: Sequence[Graphic], size_px: tuple[int, int], width_px: int
) -> np.ndarray:
    """Draw letters in white and the logo in its colours, opaque, as they lie in a picture of
    `size_px`, at this width: (height, width, 4) uint8, premultiplied, row 0 at the top."""
    import cv2

    step = size_px[0] / width_px
    coverage = np.zeros((max(1, round(size_px[1] / step)), width_px, 4), np.uint8)
    for graphic in graphics:
        to_texel = place_graphic(graphic, size_px).to_texel.reshape(2, 3)
        to_texel[:, 2] += 0.5 * (step - 1.0) * to_texel[:, :2].sum(axis=1)
        to_texel[:, :2] *= step
        pixels = cv2.warpAffine(
            graphic.image.pixels,
            to_texel,
            coverage.shape[1::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        np.maximum(coverage, pixels[..., :1] if graphic.slot else pixels, out=coverage)
    return coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Position of a graphic in a picture of a certain size."""

    to_texel: np.ndarray
    """(6,) float32 a..f: the centre of the pixel (x, y) is at texel (a x + b y + c, d x + e y + f),
    counted from the centre of the first; row 0 at the top."""
    box: tuple[int, int, int, int]
    """Left, top, right and bottom of all pixels that it may touch, inside the picture; right and
    bottom exclusive."""

    @property
    def is_visible(self) -> bool:
        left, top, right, bottom = self.box
        return left < right and top < bottom


def place_graphic(graphic: Graphic, size_px: tuple[int, int]) -> Placement:
    (width, height), (rows, columns) = size_px, graphic.image.pixels.shape[:2]
    scale = max(graphic.height_px / graphic.image.height_px, 1e-3)
    # less than half a pixel at each edge: sharp instead
    if abs(scale - 1) * max(rows, columns) < 1:
        scale = 1.0
    cosine, sine = (turn(math.radians(graphic.angle_deg)) for turn in (math.cos, math.sin))
    x, y = graphic.x * width, graphic.y * height
    a, b, d, e = cosine / scale, sine / scale, -sine / scale, cosine / scale
    # from the centre of a pixel (x + 1/2) to the centre of a texel (its number + 1/2)
    c = columns / 2 - 0.5 + a * (0.5 - x) + b * (0.5 - y)
    f = rows / 2 - 0.5 + d * (0.5 - x) + e * (0.5 - y)
    reach_x = (abs(cosine) * columns + abs(sine) * rows) * scale / 2 + scale
    reach_y = (abs(sine) * columns + abs(cosine) * rows) * scale / 2 + scale
    box = (
        max(0, math.floor(x - reach_x)),
        max(0, math.floor(y - reach_y)),
        min(width, math.ceil(x + reach_x)),
        min(height, math.ceil(y + reach_y)),
    )
    return Placement(to_texel=np.array([a, b, c, d, e, f], np.float32), box=box)
