"""Preparation of source pictures on the CPU, with NumPy and OpenCV."""

import cv2
import numpy as np

from engine.models.sd.edges import covering

GREY = 128
THUMBNAIL_PX = 64


def blank(size: tuple[int, int]) -> np.ndarray:
    """The start picture of a feedback: mid grey, (height, width, 3) uint8."""
    return np.full((size[1], size[0], 3), GREY, np.uint8)


def segments(picture: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    """A segmentation picture scaled to `size`, (height, width, 3) uint8, cropped like the source; black without a
    picture. Colours are not interpolated, because a colour between two classes would be a third class."""
    if picture is None:
        return np.zeros((size[1], size[0], 3), np.uint8)
    return covering(picture[..., :3], size, interpolation=cv2.INTER_NEAREST_EXACT)


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """An RGB or RGBA picture scaled to (64, 64, 3) float32 in -1..1, for comparing pictures."""
    small = cv2.resize(picture[..., :3], (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 127.5 - 1.0
