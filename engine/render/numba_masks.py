"""Paints masks of found objects over a picture, in Numba, as mask_colours.glsl and mask_ids.glsl do.

The picture is drawn row by row: for each object whose box crosses the row, the two rows of texels around it are mixed
in float, and the pixels in the box are interpolated between the resulting texels. No mask is scaled to full size. The
kernels distribute rows over the processor's cores and release the GIL; they are called from one thread only. Everything
is float32, for the reasons in numba_maths.py.

Arrays must be C-contiguous and writable: for Numba other layouts are other types, and each takes seconds to compile.
"""

import numpy as np
from numba import prange

from engine.render.compiling import float32, int32
from engine.render.compiling import kernel as _kernel
from engine.render.compiling import stage as _stage
from engine.render.mask_look import HARD_EDGE, SOFT_EDGE

ZERO, HALF, ONE, TWO, THREE = (float32(value) for value in (0, 0.5, 1, 2, 3))
WHITE = float32(255)
SOFT_LOW, SOFT_SLOPE = (float32(value) for value in SOFT_EDGE)
HARD_LOW, HARD_SLOPE = (float32(value) for value in HARD_EDGE)


@_stage
def texel_places(size: int, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `size` pixels along an axis, the two of `side` texels around it and the weight of the second."""
    first, second, share = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.float32)
    for i in range(size):
        place = (float32(i) + HALF) * (float32(side) / float32(size)) - HALF
        base = np.floor(place)
        first[i] = min(max(int32(base), 0), side - 1)
        second[i] = min(max(int32(base) + 1, 0), side - 1)
        share[i] = place - base
    return first, second, share


def pixels_touching(low: int, high: int, size: int, side: int) -> tuple[int, int]:
    """Range of pixels, of `size` along an axis, that touch the texels from `low` to `high` of `side`."""
    return low * size // side, min((high * size + side - 1) // side, size)


pixel_range = _stage(pixels_touching)  # compiled version


@_stage
def texel_row(texels: np.ndarray, mask: np.ndarray, upper: int, lower: int, share: float) -> None:
    """texels (side,) float32: a row of 0..1, interpolated between two rows of the mask."""
    for i in range(texels.size):
        texels[i] = (mask[upper, i] * (ONE - share) + mask[lower, i] * share) / WHITE


@_stage
def covered(value: float, low: float, slope: float) -> float:
    """Coverage of a value of 0..1; see mask_look.py."""
    t = min(max((value - low) * slope, ZERO), ONE)
    return t * t * (THREE - TWO * t)


@_kernel
def paint_masks(
    out: np.ndarray,
    source: np.ndarray,
    masks: np.ndarray,
    boxes: np.ndarray,
    colours: np.ndarray,
    opacity: float,
    is_hard: bool,
) -> None:
    """Paint `mask_look.Overlay` into `out`, (height, width, 3 or 4) uint8; a fourth channel becomes 255.

    source (height, width, 3 or 4) uint8; masks (n, side, side) uint8; boxes from `mask_boxes` and colours
    from `object_colours`; opacity 0..1.
    """
    height, width = out.shape[0], out.shape[1]
    side = masks.shape[1]
    lefts, rights, shares = texel_places(width, side)
    uppers, lowers, row_shares = texel_places(height, side)
    low, slope = (HARD_LOW, HARD_SLOPE) if is_hard else (SOFT_LOW, SOFT_SLOPE)
    strength = float32(opacity)
    for row in prange(height):
        picture = np.empty((3, width), np.float32)
        texels = np.empty(side, np.float32)
        for c in range(3):
            for i in range(width):
                picture[c, i] = source[row, i, c]
        for n in range(masks.shape[0] - 1, -1, -1):  # the first is in front
            top, bottom = pixel_range(boxes[n, 1], boxes[n, 3], height, side)
            if row < top or row >= bottom:
                continue
            texel_row(texels, masks[n], uppers[row], lowers[row], row_shares[row])
            first, last = pixel_range(boxes[n, 0], boxes[n, 2], width, side)
            red, green, blue = colours[n, 0] * WHITE, colours[n, 1] * WHITE, colours[n, 2] * WHITE
            for i in range(first, last):
                value = texels[lefts[i]] * (ONE - shares[i]) + texels[rights[i]] * shares[i]
                share = strength * covered(value, low, slope)
                picture[0, i] += share * (red - picture[0, i])
                picture[1, i] += share * (green - picture[1, i])
                picture[2, i] += share * (blue - picture[2, i])
        for i in range(width):
            for c in range(3):
                out[row, i, c] = np.uint8(picture[c, i] + HALF)
            if out.shape[2] == 4:
                out[row, i, 3] = 255


@_kernel
def paint_ids(out: np.ndarray, masks: np.ndarray, boxes: np.ndarray, levels: np.ndarray) -> None:
    """Paint `mask_look.IdPicture` into `out`, (height, width, 3 or 4) uint8; a fourth channel becomes 255.

    masks (n, side, side) uint8; boxes from `mask_boxes`; levels (n, 2) uint8, red and green of each.
    """
    height, width = out.shape[0], out.shape[1]
    side = masks.shape[1]
    lefts, rights, shares = texel_places(width, side)
    uppers, lowers, row_shares = texel_places(height, side)
    for row in prange(height):
        texels = np.empty(side, np.float32)
        for i in range(width):
            for c in range(3):
                out[row, i, c] = 0
            if out.shape[2] == 4:
                out[row, i, 3] = 255
        for n in range(masks.shape[0] - 1, -1, -1):  # the first is in front
            top, bottom = pixel_range(boxes[n, 1], boxes[n, 3], height, side)
            if row < top or row >= bottom:
                continue
            texel_row(texels, masks[n], uppers[row], lowers[row], row_shares[row])
            first, last = pixel_range(boxes[n, 0], boxes[n, 2], width, side)
            for i in range(first, last):
                value = texels[lefts[i]] * (ONE - shares[i]) + texels[rights[i]] * shares[i]
                blue = np.uint8(covered(value, SOFT_LOW, SOFT_SLOPE) * WHITE + HALF)
                if value > HALF:
                    out[row, i, 0], out[row, i, 1], out[row, i, 2] = levels[n, 0], levels[n, 1], blue
                else:
                    out[row, i, 2] = max(out[row, i, 2], blue)
