"""Draws edges as the control image of a ControlNet, on the CPU with OpenCV. Does not load torch."""

import cv2
import numpy as np

EDGE_LOW = 100
EDGE_HIGH = 200
"""The two Canny thresholds with which ControlNet's canny models were trained."""


def resize_to_cover(
    picture: np.ndarray, size: tuple[int, int], *, interpolation: int | None = None
) -> np.ndarray:
    """Crop the middle of `picture` to the aspect ratio of `size` (width, height), and scale it to
    that size. `interpolation`: an OpenCV constant; None: area for shrinking, else bilinear."""
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    part_w = min(width, round(size[0] / scale))
    part_h = min(height, round(size[1] / scale))
    left = (width - part_w) // 2
    top = (height - part_h) // 2
    part = picture[top : top + part_h, left : left + part_w]
    if interpolation is None:
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(part, size, interpolation=interpolation)


def canny_edges(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Canny edges of RGB or RGBA, white on black, (height, width, 3) uint8; found at `size`: lines
    are 1 px wide."""
    grey = cv2.cvtColor(resize_to_cover(picture[..., :3], size), cv2.COLOR_RGB2GRAY)
    return cv2.cvtColor(cv2.Canny(grey, EDGE_LOW, EDGE_HIGH), cv2.COLOR_GRAY2RGB)
