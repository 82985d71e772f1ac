"""How much of a thing is visible: its outline against the numbers and depths of the picture."""

from dataclasses import dataclass

import numpy as np

from engine.dataset.labels.outlines import Outline
from engine.dataset.labels.record import Box

FINE_PX, COARSE_PX = 128, 512  # sides of a thing up to which 5 and 3 samples are taken along each side of a pixel
BEYOND_PX = 0.5  # a shorter part beyond the edge covers no centre of a pixel
AHEAD_M = 0.03  # a point must be this much nearer than the farthest of a thing to hide it
GROUND_AHEAD_M = 0.2  # the same for bare ground and the nearest of a thing: only a crest before it hides it


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """Fields of LabelledThing with the same names."""

    whole_box: Box
    visible_share: float
    is_cut: bool
    is_hidden: bool


def judge(
    outline: Outline | None, number: int, box: Box, area_px: int, numbers: np.ndarray, depth_m: np.ndarray
) -> Visibility:
    """Compare an outline with the picture, (height, width) numbers and depths.

    The hull of an uneven solid covers a little more than the solid. So bare ground within the outline hides nothing,
    unless it stands before the thing; the share is one of the outline's pixels, not of those with the thing's number;
    and a thing that is neither hidden nor cut has a share of 1 and its visible box as the whole one.
    """
    if outline is None:
        return Visibility(whole_box=box, visible_share=1.0, is_cut=False, is_hidden=False)
    height, width = numbers.shape
    everything = np.concatenate(outline.solids)
    # Not farther than the picture's own size beyond its edges: enough to tell what is cut, and bounded in memory.
    low = np.clip(everything.min(axis=0), (-width, -height), (2 * width, 2 * height))
    high = np.clip(everything.max(axis=0), (-width, -height), (2 * width, 2 * height))
    is_cut = bool((low < -BEYOND_PX).any() or (high > np.array([width, height]) + BEYOND_PX).any())
    first, last = np.floor(low).astype(int), np.ceil(high).astype(int)
    if not (last > first).all():
        return Visibility(whole_box=box, visible_share=1.0, is_cut=False, is_hidden=False)
    fine = _fill(outline.solids, first, last - first)
    samples = fine.shape[0] // int(last[1] - first[1])
    start, end = np.maximum(first, 0), np.minimum(last, (width, height))
    covered = fine[samples // 2 :: samples, samples // 2 :: samples]  # samples at the centres of pixels
    (x0, y0), (x1, y1) = start - first, end - first
    visible_px = hidden_px = 0
    if (end > start).all():
        here = np.s_[start[1] : end[1], start[0] : end[0]]
        hidden_px = _hidden_px(covered[y0:y1, x0:x1], number, numbers[here], depth_m[here], outline)
        visible_px = int(covered[y0:y1, x0:x1].sum()) - hidden_px
    outside_px = 0.0
    if is_cut:
        in_picture = fine[y0 * samples : max(y0, y1) * samples, x0 * samples : max(x0, x1) * samples]
        outside_px = (int(fine.sum()) - int(in_picture.sum())) / samples**2
    if not is_cut and not hidden_px:
        return Visibility(whole_box=box, visible_share=1.0, is_cut=False, is_hidden=False)
    visible_px = max(visible_px, area_px)
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    whole = box
    if len(rows):
        whole = (
            float(min(box[0], first[0] + columns[0])),
            float(min(box[1], first[1] + rows[0])),
            float(max(box[2], first[0] + columns[-1] + 1)),
            float(max(box[3], first[1] + rows[-1] + 1)),
        )
    return Visibility(
        whole_box=whole,
        visible_share=visible_px / (visible_px + hidden_px + outside_px),
        is_cut=is_cut,
        is_hidden=hidden_px > 0,
    )


def _fill(solids: list[np.ndarray], first: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The union of the solids: (height, width) uint8 0 or 1, 1, 3 or 5 samples per pixel and axis."""
    import cv2

    longest = int(size.max())
    samples = 5 if longest <= FINE_PX else 3 if longest <= COARSE_PX else 1
    filled = np.zeros((int(size[1]) * samples, int(size[0]) * samples), np.uint8)
    for solid in solids:
        # OpenCV's pixel centres are whole numbers; four more bits are fractions.
        places = np.rint(((solid - first) * samples - 0.5) * 16)
        cv2.fillConvexPoly(filled, np.clip(places, -(2**30), 2**30).astype(np.int32), 1, shift=4)
    return filled


def _hidden_px(covered: np.ndarray, number: int, numbers: np.ndarray, depth_m: np.ndarray, outline: Outline) -> int:
    """Pixels of the outline, (h, w) uint8, where something else stands before the thing; 0 if only its rim has some."""
    import cv2

    near = np.where(numbers == 0, outline.near_m - GROUND_AHEAD_M, outline.far_m - AHEAD_M)
    is_hiding = (numbers != number) & (depth_m < near) & (covered > 0)
    if not is_hiding.any():
        return 0
    inner = cv2.erode(covered, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return int(is_hiding.sum()) if (is_hiding & (inner > 0)).any() else 0
