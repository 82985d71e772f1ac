"""Composites texts and the logo onto a picture in Numba, as graphic.glsl and OpenGL's blending do;
see graphic.py."""

import math
from collections.abc import Sequence

import numpy as np

from engine.render.compiling import float32, int32, kernel, routine
from engine.render.graphic import Graphic, place_graphic
from engine.render.numba_maths import DEEP_WHITE, HALF, ONE, WHITE, ZERO, Deep

OVER, ADD, SCREEN, MULTIPLY, INVERT = range(5)
BLENDS = {"over": OVER, "add": ADD, "screen": SCREEN, "multiply": MULTIPLY, "invert": INVERT}


def composite_graphics(out: Deep, graphics: Sequence[Graphic]) -> None:
    """Composite graphics onto a picture, (height, width, 4) uint16, in place."""
    for graphic in graphics:
        placement = place_graphic(graphic, (out.shape[1], out.shape[0]))
        if placement.is_visible:
            left, top, right, bottom = placement.box
            box = np.array([left, right, top, BLENDS[graphic.blend]], np.int32)
            ink = np.array(graphic.ink, np.float32)
            composite_row(out[top:bottom], graphic.image.pixels, placement.to_texel, ink, box)


@routine
def is_clear(image: np.ndarray, column: int, row: int) -> bool:
    """Return True if the 2 x 2 texels from this one on are empty or outside the image."""
    first, last = max(column, 0), min(column + 1, image.shape[1] - 1)
    for j in range(max(row, 0), min(row + 1, image.shape[0] - 1) + 1):
        for c in range(4):
            if image[j, first, c] or image[j, last, c]:
                return False
    return True


@routine
def apply_ink(ink: np.ndarray, texel: np.ndarray, row: int) -> float:
    """Return a channel of the graphic, 0..1."""
    value = (
        ink[row, 0] * texel[0]
        + ink[row, 1] * texel[1]
        + ink[row, 2] * texel[2]
        + ink[row, 3] * texel[3]
    )
    clipped: float = min(max(value, ZERO), ONE)
    return clipped


@kernel("uint16[:,:,::1], uint8[:,:,::1], float32[::1], float32[:,::1], int32[::1]")
def composite_row(
    row: int, out: Deep, image: np.ndarray, to_texel: np.ndarray, ink: np.ndarray, box: np.ndarray
) -> None:
    """Composite a graphic onto one row of `out`. box: First and last column (exclusive), picture
    row of `out`'s first row, number of the blend."""
    height, width = int32(image.shape[0]), int32(image.shape[1])
    blend = box[3]
    y = float32(row + box[2])
    texel = np.empty(4, np.float32)
    for column in range(box[0], box[1]):
        x = float32(column)
        u = to_texel[0] * x + to_texel[1] * y + to_texel[2]
        v = to_texel[3] * x + to_texel[4] * y + to_texel[5]
        first = int32(math.floor(u))
        top = int32(math.floor(v))
        if first < -1 or first >= width or top < -1 or top >= height:
            continue
        if is_clear(image, first, top):  # most of a text
            continue
        fraction_x, fraction_y = u - float32(first), v - float32(top)
        for c in range(4):
            texel[c] = ZERO
        for corner in range(4):
            i, j = first + (corner & 1), top + (corner >> 1)
            if 0 <= i < width and 0 <= j < height:
                weight = fraction_x if corner & 1 else ONE - fraction_x
                weight *= fraction_y if corner >> 1 else ONE - fraction_y
                for c in range(4):
                    texel[c] += weight * float32(image[j, i, c]) / WHITE
        alpha = apply_ink(ink, texel, 3)
        for c in range(3):
            picture_level = float32(out[row, column, c]) / DEEP_WHITE
            graphic_level = apply_ink(ink, texel, c)
            own_weight = ONE - alpha
            if blend == ADD:
                own_weight = ONE
            elif blend == SCREEN:
                own_weight = ONE - graphic_level
            elif blend == MULTIPLY:
                graphic_level *= picture_level
            elif blend == INVERT:
                own_weight = ONE - graphic_level
                graphic_level = graphic_level * (ONE - picture_level)
            out[row, column, c] = np.uint16(
                min(picture_level * own_weight + graphic_level, ONE) * DEEP_WHITE + HALF
            )
        out[row, column, 3] = max(out[row, column, 3], np.uint16(alpha * DEEP_WHITE + HALF))
