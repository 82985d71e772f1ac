"""The picture that a ControlNet for edges is shown, made on the CPU. NumPy and OpenCV; does not load torch."""

import cv2
import numpy as np

EDGE_LOW, EDGE_HIGH = 100, 200  # of Canny's two thresholds: what ControlNet's canny models were trained with


def covering(picture: np.ndarray, size: tuple[int, int], *, interpolation: int | None = None) -> np.ndarray:
    """The middle of `picture` that has the proportions of `size` (width, height), scaled to it; never squashed.

    `interpolation`: of OpenCV; None: by area where it shrinks, else bilinear.
    """
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    part_w, part_h = min(width, round(size[0] / scale)), min(height, round(size[1] / scale))
    left, top = (width - part_w) // 2, (height - part_h) // 2
    part = picture[top : top + part_h, left : left + part_w]
    if interpolation is None:
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(part, size, interpolation=interpolation)


def edges(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Outlines of an RGB or RGBA picture, white on black, (height, width, 3) uint8 of `size`: found after scaling, so
    that lines stay 1 px wide."""
    grey = cv2.cvtColor(covering(picture[..., :3], size), cv2.COLOR_RGB2GRAY)
    outlines = cv2.Canny(grey, EDGE_LOW, EDGE_HIGH)
    return cv2.cvtColor(outlines, cv2.COLOR_GRAY2RGB)
