"""Decodes the segmentations of COCO files as far as a check needs: their size and the box around them.

A run-length encoding is decoded here and not by pycocotools, which reads beyond the end of a truncated string. It gives
the lengths of the runs off, on, off... down the columns. As text each number takes one or more characters of 5 bits,
the lowest first; the bit above them says that more follow. From the fourth number on it is the difference from the one
two before it (`rleFrString` in pycocotools/common/maskApi.c).
"""

from dataclasses import dataclass

import msgspec
import numpy as np

FIRST_CHARACTER = 48
MORE, NEGATIVE, VALUE = 0x20, 0x10, 0x1F
MAX_CHARACTERS = 12  # of a number; 60 bits
MIN_POLYGON = 6  # numbers: three points


class RunLengths(msgspec.Struct, frozen=True):
    size: tuple[int, int]
    """Height and width."""
    counts: str | list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskExtent:
    size_px: tuple[int, int] | None
    """Width and height of the picture; None for polygons, which do not tell."""
    box: tuple[float, float, float, float]
    """x0 y0 x1 y1 px, exclusive."""


def read_extent(content: bytes) -> MaskExtent | str | None:
    """The extent of a `segmentation`, given as JSON; the fault in words, or None if there is no segmentation."""
    try:
        found = msgspec.json.decode(content, type=RunLengths | list[list[float]] | None) if content else None
    except ValueError:
        return "is neither a run-length encoding nor polygons"
    if not found:
        return None
    return _of_runs(found) if isinstance(found, RunLengths) else _of_polygons(found)


def _of_polygons(polygons: list[list[float]]) -> MaskExtent | str:
    if any(len(each) < MIN_POLYGON or len(each) % 2 for each in polygons):
        return "has a polygon without three points"
    points = np.concatenate([np.array(each, np.float64).reshape(-1, 2) for each in polygons])
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return MaskExtent(size_px=None, box=(x0, y0, x1, y1))


def _of_runs(runs: RunLengths) -> MaskExtent | str:
    height, width = runs.size
    counts = _counts(runs.counts) if isinstance(runs.counts, str) else _whole(runs.counts)
    if counts is None or (counts < 0).any():
        return "cannot be decoded"
    ends = np.cumsum(counts)
    if not len(ends) or ends[-1] != height * width:
        return f"encodes {ends[-1] if len(ends) else 0} px, not {width}x{height}"
    is_on = counts[1::2] > 0
    last = ends[1::2][is_on] - 1
    first = last - counts[1::2][is_on] + 1
    if not len(first):
        return "is empty"
    (left, top), (right, bottom) = np.divmod(first, height), np.divmod(last, height)
    is_broken = left != right  # it goes on at the top of the next column
    y0, y1 = (0, height - 1) if is_broken.any() else (int(top.min()), int(bottom.max()))
    return MaskExtent(size_px=(width, height), box=(int(left.min()), y0, int(right.max()) + 1, y1 + 1))


def _whole(counts: list[int]) -> np.ndarray | None:
    try:
        return np.array(counts, np.int64)
    except OverflowError:
        return None


def _counts(text: str) -> np.ndarray | None:
    """(n,) int64 lengths of runs from COCO's text; None if it is damaged."""
    codes = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - FIRST_CHARACTER
    if not len(codes) or codes.min() < 0 or codes.max() > MORE + VALUE or codes[-1] & MORE:
        return None
    ends = np.flatnonzero(codes & MORE == 0)
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts + 1
    if lengths.max() > MAX_CHARACTERS:
        return None
    places = np.arange(len(codes)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((codes & VALUE) << (5 * places), starts)
    numbers -= np.where(codes[ends] & NEGATIVE, 1 << (5 * lengths), 0)
    for first in (1, 2):  # the first number, of index 0, is no part of the differences
        numbers[first::2] = np.cumsum(numbers[first::2])
    counts: np.ndarray = numbers
    return counts
