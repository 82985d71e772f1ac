"""What is made of the pictures that are painted, on the CPU. NumPy and OpenCV."""

import cv2
import numpy as np

GREY = 128
THUMBNAIL_PX = 64
EDGE_LOW, EDGE_HIGH = 100, 200  # of Canny's two thresholds: what ControlNet's canny models were trained with


def blank(size: tuple[int, int]) -> np.ndarray:
    """What a feedback begins with: mid grey, (height, width, 3) uint8."""
    return np.full((size[1], size[0], 3), GREY, np.uint8)


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


def segments(picture: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    """A segmentation picture, (height, width, 3) uint8 of `size`, covering it as the source does. Colours are never
    mixed: one between two would be a third class. Black, nothing found, where there is no picture."""
    if picture is None:
        return np.zeros((size[1], size[0], 3), np.uint8)
    return covering(picture[..., :3], size, interpolation=cv2.INTER_NEAREST_EXACT)


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """(64, 64, 3) float32 in -1..1 of an RGB or RGBA picture: what pictures are compared by."""
    small = cv2.resize(picture[..., :3], (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 127.5 - 1.0
