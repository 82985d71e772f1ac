"""Paints masks of found objects over a picture, in Numba, as mask_colours.glsl and mask_ids.glsl
do.

The picture is drawn row by row. For each object whose box crosses the row, the two rows of texels
around it are mixed in float; the pixels in the box are interpolated between those texels. No mask
is scaled to full size. The kernels distribute rows over the processor's cores and release the GIL;
they are called from one thread only. Everything is float32, for the reasons in numba_maths.py.

Arrays must be C-contiguous and writable: for Numba other layouts are other types, and each takes
seconds to compile.
"""

from functools import cache

import numpy as np

from engine.render.compiling import float32, kernel, routine
from engine.render.masks import HARD_EDGE, SOFT_EDGE
from engine.render.numba_maths import HALF, ONE, THREE, TWO, WHITE, ZERO

SOFT_LOW, SOFT_SLOPE = (float32(value) for value in SOFT_EDGE)
HARD_LOW, HARD_SLOPE = (float32(value) for value in HARD_EDGE)


@cache
def texel_positions(size: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each of `size` pixels along an axis the two of `side` texels around it, (2, size)
    int32, and the weight of the second, (size,) float32."""
    positions = (np.arange(size, dtype=np.float32) + HALF) * (
        np.float32(side) / np.float32(size)
    ) - HALF
    base = np.floor(positions)
    return np.clip([base, base + 1], 0, max(side - 1, 0)).astype(np.int32), positions - base


def pixels_touching(low: int, high: int, size: int, side: int) -> tuple[int, int]:
    """Return the range of pixels, of `size` along an axis, that touch texels `low` to `high` of
    `side`."""
    return low * size // side, min((high * size + side - 1) // side, size)


pixel_range = routine(pixels_touching)  # compiled version


@routine
def texel_row(
    texels: np.ndarray, mask: np.ndarray, upper: int, lower: int, fraction: float
) -> None:
    """Interpolate between two rows of the mask into texels, (side,) float32, 0..1."""
    for i in range(texels.size):
        texels[i] = (mask[upper, i] * (ONE - fraction) + mask[lower, i] * fraction) / WHITE


@routine
def covered(value: float, low: float, slope: float) -> float:
    """Return the coverage of a mask value 0..1; see masks.py."""
    t = min(max((value - low) * slope, ZERO), ONE)
    return t * t * (THREE - TWO * t)


def paint_masks(
    out: np.ndarray,
    source: np.ndarray,
    masks: np.ndarray,
    boxes: np.ndarray,
    colours: np.ndarray,
    opacity: float,
    is_hard: bool,
) -> None:
    """Paint `masks.Overlay` into `out`, (height, width, 3 or 4) uint8; a fourth channel becomes
    255.

    source (height, width, 3 or 4) uint8; masks (n, side, side) uint8; boxes from `mask_boxes` and
    colours from `object_colours`; opacity 0..1."""
    height, width = out.shape[:2]
    columns, rows = texel_positions(width, masks.shape[1]), texel_positions(height, masks.shape[1])
    paint_mask_row(
        out, source, masks, boxes, colours, *columns, *rows, np.float32(opacity), is_hard
    )


@kernel(
    "uint8[:,:,::1], uint8[:,:,::1], uint8[:,:,::1], int32[:,::1], float32[:,::1], int32[:,::1], "
    "float32[::1],"
    " int32[:,::1], float32[::1], float32, boolean"
)
def paint_mask_row(
    row: int,
    out: np.ndarray,
    source: np.ndarray,
    masks: np.ndarray,
    boxes: np.ndarray,
    colours: np.ndarray,
    columns: np.ndarray,
    fractions: np.ndarray,
    rows: np.ndarray,
    row_fractions: np.ndarray,
    opacity: float,
    is_hard: bool,
) -> None:
    """Paint one row of `paint_masks`. columns, fractions, rows, row_fractions: From
    `texel_positions`."""
    height, width = out.shape[0], out.shape[1]
    side = masks.shape[1]
    lefts = columns[0]
    rights = columns[1]
    low, slope = (HARD_LOW, HARD_SLOPE) if is_hard else (SOFT_LOW, SOFT_SLOPE)
    picture = np.empty((3, width), np.float32)
    texels = np.empty(side, np.float32)
    for c in range(3):
        for i in range(width):
            picture[c, i] = source[row, i, c]
    for n in range(masks.shape[0] - 1, -1, -1):  # the first is in front
        top, bottom = pixel_range(boxes[n, 1], boxes[n, 3], height, side)
        if row < top or row >= bottom:
            continue
        texel_row(texels, masks[n], rows[0, row], rows[1, row], row_fractions[row])
        first, last = pixel_range(boxes[n, 0], boxes[n, 2], width, side)
        red, green, blue = colours[n, 0] * WHITE, colours[n, 1] * WHITE, colours[n, 2] * WHITE
        for i in range(first, last):
            value = texels[lefts[i]] * (ONE - fractions[i]) + texels[rights[i]] * fractions[i]
            alpha = opacity * covered(value, low, slope)
            picture[0, i] += alpha * (red - picture[0, i])
            picture[1, i] += alpha * (green - picture[1, i])
            picture[2, i] += alpha * (blue - picture[2, i])
    for i in range(width):
        for c in range(3):
            out[row, i, c] = np.uint8(picture[c, i] + HALF)
        if out.shape[2] == 4:
            out[row, i, 3] = 255


def paint_ids(out: np.ndarray, masks: np.ndarray, boxes: np.ndarray, levels: np.ndarray) -> None:
    """Paint `masks.IdPicture` into `out`, (height, width, 3 or 4) uint8; a fourth channel becomes
    255.

    masks (n, side, side) uint8; boxes from `mask_boxes`; levels (n, 2) uint8, red and green of
    each."""
    height, width = out.shape[:2]
    columns, rows = texel_positions(width, masks.shape[1]), texel_positions(height, masks.shape[1])
    paint_id_row(out, masks, boxes, levels, *columns, *rows)


@kernel(
    "uint8[:,:,::1], uint8[:,:,::1], int32[:,::1], uint8[:,::1], int32[:,::1], float32[::1], "
    "int32[:,::1], float32[::1]"
)
def paint_id_row(
    row: int,
    out: np.ndarray,
    masks: np.ndarray,
    boxes: np.ndarray,
    levels: np.ndarray,
    columns: np.ndarray,
    fractions: np.ndarray,
    rows: np.ndarray,
    row_fractions: np.ndarray,
) -> None:
    """Paint one row of `paint_ids`. columns, fractions, rows, row_fractions: From
    `texel_positions`."""
    height, width = out.shape[0], out.shape[1]
    side = masks.shape[1]
    lefts = columns[0]
    rights = columns[1]
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
        texel_row(texels, masks[n], rows[0, row], rows[1, row], row_fractions[row])
        first, last = pixel_range(boxes[n, 0], boxes[n, 2], width, side)
        for i in range(first, last):
            value = texels[lefts[i]] * (ONE - fractions[i]) + texels[rights[i]] * fractions[i]
            blue = np.uint8(covered(value, SOFT_LOW, SOFT_SLOPE) * WHITE + HALF)
            if value > HALF:
                out[row, i, 0] = levels[n, 0]
                out[row, i, 1] = levels[n, 1]
                out[row, i, 2] = blue
            else:
                out[row, i, 2] = max(out[row, i, 2], blue)
