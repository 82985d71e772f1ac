"""Groups input pictures into batches for the model."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.sources.pictures import InputPicture

WAITING_BYTES = 256 * 2**20  # queued pictures before and after the model
MIN_WAITING, MAX_WAITING = 2, 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    pictures: tuple[InputPicture, ...]
    """All of one size."""
    pixels: np.ndarray
    """(pictures, height, width, 3) uint8; the pictures' own pixels are views of it."""


def batches(pictures: Iterable[InputPicture], size: int) -> Iterator[Batch]:
    """Yield batches of `size` pictures; fewer at the end and where the size of the pictures changes."""
    waiting: list[InputPicture] = []
    for picture in pictures:
        if waiting and picture.pixels.shape != waiting[0].pixels.shape:
            yield _batch(waiting)
            waiting = []
        waiting.append(picture)
        if len(waiting) == size:
            yield _batch(waiting)
            waiting = []
    if waiting:
        yield _batch(waiting)


def batches_waiting(first: InputPicture, size: int) -> int:
    """Queue length in batches: hides a slow picture without taking much memory."""
    return min(max(WAITING_BYTES // (first.pixels.nbytes * size), MIN_WAITING), MAX_WAITING)


def _batch(pictures: list[InputPicture]) -> Batch:
    if len(pictures) == 1:
        return Batch(pictures=tuple(pictures), pixels=pictures[0].pixels[None])
    pixels = np.stack([picture.pixels for picture in pictures])  # copied here, not on the model's thread
    parts = (replace(picture, pixels=part) for picture, part in zip(pictures, pixels, strict=True))
    return Batch(pictures=tuple(parts), pixels=pixels)
