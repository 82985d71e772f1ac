"""Reads pictures of 16 bits between their pixels, in Numba.

The pictures are arrays of uint64, one number per pixel with red lowest (`one_number_each`), so that one fetch
gets all channels of a pixel. Looking up is the part that the compiler cannot vectorise; so it is a loop of its own.
"""

import numpy as np

from engine.render.compiling import float32, int32, uint64
from engine.render.compiling import stage as _stage
from engine.render.numba_maths import ZERO, Deep, Index, Row

CHANNEL_BITS = uint64(65535)


def one_number_each(picture: Deep) -> np.ndarray:
    """(height * width,) uint64: a C-contiguous picture, one number per pixel; not a copy."""
    return picture.view(np.uint64).reshape(-1)


@_stage
def corners(at: float, size: int) -> tuple[int, int, float]:
    """The two texels around a position on one axis, clamped to 0..size - 1, and the weight of the second."""
    first = np.floor(at)
    low = int32(first)
    return min(max(low, 0), size - 1), min(max(low + 1, 0), size - 1), at - first


@_stage
def unpack_row(values: Row, pixels: np.ndarray, channel: int) -> None:
    """values: one channel of a row of pixels, 0..65535. pixels (width,) uint64: see `one_number_each`."""
    shift = uint64(16 * channel)
    for i in range(values.size):
        values[i] = float32(int32((pixels[i] >> shift) & CHANNEL_BITS))


@_stage
def fetch_row(corner: np.ndarray, us: Row, vs: Row, index: Index, pixels: np.ndarray, width: int, height: int) -> None:
    """corner (4, width) uint64: the four pixels around each position. pixels (height * width,) uint64; index: scratch.

    us, vs: positions, pixels, clamped to the picture; after that the weights of the right and the lower pixels.
    """
    for i in range(us.size):
        x, y = min(max(us[i], ZERO), float32(width - 1)), min(max(vs[i], ZERO), float32(height - 1))
        column, row = max(min(int32(x), width - 2), 0), max(min(int32(y), height - 2), 0)
        us[i], vs[i] = x - float32(column), y - float32(row)
        index[i] = row * width + column
    right, below = uint64(min(width - 1, 1)), uint64(width if height > 1 else 0)  # steps to the neighbours
    for i in range(us.size):
        at = uint64(index[i])
        corner[0, i], corner[1, i] = pixels[at], pixels[at + right]
        corner[2, i], corner[3, i] = pixels[at + below], pixels[at + below + right]


@_stage
def between_row(values: Row, corner: np.ndarray, us: Row, vs: Row, channel: int) -> None:
    """values: one channel, 0..65535, interpolated between the pixels from `fetch_row`."""
    shift = uint64(16 * channel)
    upper_left, upper_right, lower_left, lower_right = corner[0], corner[1], corner[2], corner[3]
    for i in range(values.size):
        first = float32(int32((upper_left[i] >> shift) & CHANNEL_BITS))
        second = float32(int32((upper_right[i] >> shift) & CHANNEL_BITS))
        third = float32(int32((lower_left[i] >> shift) & CHANNEL_BITS))
        fourth = float32(int32((lower_right[i] >> shift) & CHANNEL_BITS))
        upper = first + us[i] * (second - first)
        lower = third + us[i] * (fourth - third)
        values[i] = upper + vs[i] * (lower - upper)
