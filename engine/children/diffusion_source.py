"""The picture that is painted next: the newest the engine wrote, or our own last one, moved. NumPy and OpenCV."""

import cv2
import numpy as np

GREY = 128
THUMBNAIL_PX = 64
EDGE_LOW, EDGE_HIGH = 100, 200  # of Canny's two thresholds: what ControlNet's canny models were trained with


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8 of a ring's RGB or RGBA picture; alpha is dropped, colours are display values."""
    return pixels if pixels.shape[2] == 3 else np.ascontiguousarray(pixels[..., :3])


def blank(size: tuple[int, int]) -> np.ndarray:
    """What a feedback begins with: mid grey, (height, width, 3) uint8."""
    return np.full((size[1], size[0], 3), GREY, np.uint8)


def moved(picture: np.ndarray, zoom: float, rotate_deg: float) -> np.ndarray:
    """`picture` grown by `zoom` and turned clockwise about its centre; what comes in at the border is a mirror image.

    The same shape; at zoom 1 and 0 degrees the same pixels.
    """
    height, width = picture.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, -rotate_deg, zoom)  # OpenCV counts angles counter-clockwise
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def covering(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of `picture` that has the proportions of `size` (width, height), scaled to it; never squashed."""
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    part_w, part_h = min(width, round(size[0] / scale)), min(height, round(size[1] / scale))
    left, top = (width - part_w) // 2, (height - part_h) // 2
    part = picture[top : top + part_h, left : left + part_w]
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def edges(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Outlines, white on black, (height, width, 3) uint8 of `size`: found after scaling, so that lines stay 1 px."""
    outlines = cv2.Canny(cv2.cvtColor(covering(picture, size), cv2.COLOR_RGB2GRAY), EDGE_LOW, EDGE_HIGH)
    return cv2.cvtColor(outlines, cv2.COLOR_GRAY2RGB)


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """(64, 64, 3) float32 in -1..1: what pictures are compared by."""
    small = cv2.resize(picture, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 127.5 - 1.0
