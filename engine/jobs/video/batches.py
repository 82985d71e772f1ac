"""Groups pictures, scaled to the painted size, into batches of equal length."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from engine.sources.pictures import InputPicture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoBatch:
    number: int
    """From 0, including those done before this run."""
    pictures: tuple[InputPicture, ...]
    """At most as many as `pixels` has rows; their pixels are views of it."""
    pixels: np.ndarray
    """(batch, height, width, 3) uint8 RGB; rows after the last picture repeat it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaintedBatch:
    batch: VideoBatch
    pixels: np.ndarray
    """(batch, height, width, 3) uint8 RGB."""
    fates: np.ndarray
    """(batch,) uint8: GOOD, RERUN, NOT_FINITE or BLACK (engine/models/sd/painting.py)."""


def video_batches(
    pictures: Iterator[InputPicture], size: int, painted_size: tuple[int, int], *, first: int = 0
) -> Iterator[VideoBatch]:
    """Batches of `size` pictures, in order. `painted_size`: width and height; `first`: number of the first batch."""
    width, height = painted_size
    number = first
    waiting: list[InputPicture] = []

    def batch() -> VideoBatch:
        pixels = np.empty((size, height, width, 3), np.uint8)
        for row in range(size):
            pixels[row] = waiting[min(row, len(waiting) - 1)].pixels
        parts = (replace(picture, pixels=pixels[row]) for row, picture in enumerate(waiting))
        return VideoBatch(number=number, pictures=tuple(parts), pixels=pixels)

    for picture in pictures:
        waiting.append(replace(picture, pixels=covered(picture.pixels, painted_size)))
        if len(waiting) == size:
            yield batch()
            number, waiting = number + 1, []
    if waiting:
        yield batch()


def covered(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale (h, w, 3) uint8 proportionally to cover this width and height, and crop to the centre."""
    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels
    scale = max(size[0] / width, size[1] / height)
    inner = max(size[0], round(width * scale)), max(size[1], round(height * scale))
    grown = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (inner[0] - size[0]) // 2, (inner[1] - size[1]) // 2
    return grown[top : top + size[1], left : left + size[0]]
