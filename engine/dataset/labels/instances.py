"""Finds the visible piles in a picture with their boxes and areas: the source of every kind of label."""

from dataclasses import dataclass

import numpy as np

NUMBERS = 2**16  # values of a uint16
PIXELS_AT_ONCE = 2**20  # rows per block; the comparison takes one byte per pixel, so it stays in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instances:
    """Visible instances, ascending by number, each number once."""

    numbers: np.ndarray  # (k,) int64, 1..65535
    boxes: np.ndarray  # (k, 4) int64: x0 y0 x1 y1 in px; x1 and y1 are exclusive
    areas: np.ndarray  # (k,) int64: visible pixels


def find_instances(picture: np.ndarray) -> Instances:
    """Find every number other than 0 in `picture`, (height, width) uint16; separate parts share one box.

    It works on runs along the rows, of which there are a thousand times fewer than pixels: each pixel is only compared
    with its left neighbour.
    """
    width = picture.shape[1]
    lows = np.full((2, NUMBERS), np.iinfo(np.int64).max)  # x0, y0
    highs = np.zeros((2, NUMBERS), np.int64)  # x1, y1
    areas = np.zeros(NUMBERS, np.int64)
    rows_at_once = max(1, PIXELS_AT_ONCE // width)
    for top in range(0, picture.shape[0], rows_at_once):
        numbers, rows, starts, ends = _runs(picture[top : top + rows_at_once])
        rows += top
        np.minimum.at(lows[0], numbers, starts)
        np.minimum.at(lows[1], numbers, rows)
        np.maximum.at(highs[0], numbers, ends)
        np.maximum.at(highs[1], numbers, rows + 1)
        np.add.at(areas, numbers, ends - starts)
    seen = np.flatnonzero(areas)
    return Instances(numbers=seen, boxes=np.concatenate([lows[:, seen], highs[:, seen]]).T.copy(), areas=areas[seen])


def _runs(band: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Number, row, first column and end column (exclusive) of each run of one number other than 0, (runs,)."""
    height, width = band.shape
    is_edge = np.ones((height, width + 1), bool)  # a row begins and ends with an edge
    np.not_equal(band[:, 1:], band[:, :-1], out=is_edge[:, 1:width])
    rows, columns = np.divmod(np.flatnonzero(is_edge), width + 1)
    begins = np.flatnonzero(columns < width)  # the last edge of a row does not begin a run
    rows, starts, ends = rows[begins], columns[begins], columns[begins + 1]
    numbers = band[rows, starts]
    kept = np.flatnonzero(numbers)
    return numbers[kept], rows[kept], starts[kept], ends[kept]
