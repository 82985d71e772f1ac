"""Crops of labelled pictures, and the answer that the network should give for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.models.detector.network import STRIDE

MIN_SIGMA_CELLS = 0.6
SIGMA_OF_SIZE = 1 / 6
"""Standard deviation of the blob around a centre, as a share of the box's shorter side."""
MIN_SIDE_CELLS = 0.5
NEIGHBOUR_SHARE = 0.4
"""Weight of the box that a cell beside a centre answers."""
MIN_SHARE_IN_CROP = 0.4
"""Boxes of which less is in the crop are ignored."""
MIN_SIDE_PX = 4.0
"""Boxes with a shorter side in the crop are ignored."""
MAX_SCALE = 1.4
"""Crops are enlarged or reduced by at most this factor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledPicture:
    colors: np.ndarray
    """(height, width, 3) uint8 RGB."""
    boxes: np.ndarray
    """(k, 4) float64: x0 y0 x1 y1 in px."""
    is_ignored: np.ndarray
    """(k,) bool: True for boxes that may be found or not (slivers)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CropTarget:
    """The wanted answer for one crop, in cells."""

    centres: np.ndarray
    """(rows, columns) float32: 1 at a centre, a Gaussian blob around it."""
    weights: np.ndarray
    """(rows, columns) float32: 0 where anything may be answered, else 1."""
    cells: np.ndarray
    """(n, 2) int64: row and column of the cells that answer with a box: those at a centre and around it."""
    shares: np.ndarray
    """(n,) float32: weight of each of these cells, 1 at a centre."""
    sizes: np.ndarray
    """(n, 4) float32: offset x and y from the cell's corner, logarithm of width and height."""


def random_crop(
    pictures: Sequence[LabelledPicture], side_px: int, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a random crop, of another scale, turned and mirrored at random: (side, side, 3) float32 0..1, its boxes, and
    which to ignore.

    Half of the crops are around a random box, so that pictures with few piles teach something.
    """
    import cv2

    picture = pictures[int(draw.integers(len(pictures)))]
    height, width = picture.colors.shape[:2]
    cut_px = min(round(side_px * MAX_SCALE ** draw.uniform(-1, 1)), height, width)
    at = draw.random(2) * (np.array([width, height]) - cut_px)
    if len(picture.boxes) and draw.random() < 0.5:
        box = picture.boxes[int(draw.integers(len(picture.boxes)))]
        at = (box[:2] + box[2:]) / 2 - draw.random(2) * cut_px
    x, y = np.clip(np.rint(at), 0, np.array([width, height]) - cut_px).astype(int)
    cut = picture.colors[y : y + cut_px, x : x + cut_px]
    if cut_px != side_px:
        how = cv2.INTER_AREA if cut_px > side_px else cv2.INTER_LINEAR
        cut = cv2.resize(cut, (side_px, side_px), interpolation=how)
    crop = cut.astype(np.float32) / 255
    boxes = (picture.boxes - (x, y, x, y)) * (side_px / cut_px)
    inside = np.clip(boxes, 0, side_px)
    share = _area(inside) / np.maximum(_area(boxes), 1e-9)
    is_there = share > 0
    is_cut = share < MIN_SHARE_IN_CROP
    is_small = (inside[:, 2:] - inside[:, :2]).min(axis=1, initial=np.inf) < MIN_SIDE_PX
    boxes, is_ignored = inside[is_there], (picture.is_ignored | is_cut | is_small)[is_there]
    for _ in range(int(draw.integers(4))):
        crop = np.rot90(crop)  # counter-clockwise
        boxes = np.stack([boxes[:, 1], side_px - boxes[:, 2], boxes[:, 3], side_px - boxes[:, 0]], axis=1)
    if draw.random() < 0.5:
        crop = crop[:, ::-1]
        boxes = np.stack([side_px - boxes[:, 2], boxes[:, 1], side_px - boxes[:, 0], boxes[:, 3]], axis=1)
    return np.ascontiguousarray(crop), boxes, is_ignored


def make_target(boxes: np.ndarray, is_ignored: np.ndarray, side_px: int) -> CropTarget:
    """The wanted answer for a crop with these boxes, (k, 4) px."""
    count = side_px // STRIDE
    centres = np.zeros((count, count), np.float32)
    weights = np.ones((count, count), np.float32)
    rows = np.arange(count) + 0.5
    for x0, y0, x1, y1 in boxes[is_ignored] / STRIDE:
        weights[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = 0
    kept = boxes[~is_ignored] / STRIDE
    middles, sides = (kept[:, :2] + kept[:, 2:]) / 2, np.maximum(kept[:, 2:] - kept[:, :2], MIN_SIDE_CELLS)
    at = np.minimum(middles.astype(np.int64), count - 1)  # (k, 2) column and row
    for (x, y), side in zip(at + 0.5, sides.min(axis=1), strict=True):
        sigma = max(MIN_SIGMA_CELLS, float(side) * SIGMA_OF_SIZE)
        low, high = max(int(y - 4 * sigma), 0), int(y + 4 * sigma) + 1
        left, right = max(int(x - 4 * sigma), 0), int(x + 4 * sigma) + 1
        down = np.exp(-((rows[low:high] - y) ** 2) / (2 * sigma * sigma))
        across = np.exp(-((rows[left:right] - x) ** 2) / (2 * sigma * sigma))
        place = centres[low:high, left:right]
        np.maximum(place, down[:, None] * across, out=place)
    centres[at[:, 1], at[:, 0]] = 1
    weights[at[:, 1], at[:, 0]] = 1
    cells, pile, shares = _answering(at, count)
    answers = np.concatenate([middles[pile] - cells, np.log(sides[pile])], axis=1).astype(np.float32)
    return CropTarget(centres=centres, weights=weights, cells=cells[:, ::-1].copy(), shares=shares, sizes=answers)


def _answering(at: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cells at and around centres, (n, 2), the number of the pile of each, and its weight; each cell only once.

    A peak may come out one cell off, so the neighbours answer for the same box, too (as in TTFNet, Liu et al., 2019).
    """
    around = np.stack(np.meshgrid((-1, 0, 1), (-1, 0, 1)), axis=-1).reshape(-1, 2)  # (9, 2)
    cells = (at[:, None] + around).reshape(-1, 2)
    shares = np.tile(NEIGHBOUR_SHARE ** np.abs(around).sum(axis=1), len(at)).astype(np.float32)
    pile = np.repeat(np.arange(len(at)), len(around))
    is_inside = ((cells >= 0) & (cells < count)).all(axis=1)
    cells, shares, pile = cells[is_inside], shares[is_inside], pile[is_inside]
    order = np.argsort(-shares, kind="stable")  # nearer piles first
    _, first = np.unique(cells[order] @ (1, count), return_index=True)
    chosen = order[first]
    return cells[chosen], pile[chosen], shares[chosen]


def _area(boxes: np.ndarray) -> np.ndarray:
    areas: np.ndarray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
