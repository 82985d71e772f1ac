"""Interface for painting, in this process or on other machines, and its input batches: pictures,
scaled to the painted size, in groups of equal length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import cv2
import numpy as np

from engine.sources.pictures import InputPicture

STAGE_NAMES: Final = ("encode", "process", "decode")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFigures:
    name: str
    """One of `STAGE_NAMES`."""
    frames: int
    """Pictures of the source, without the padding of the last batch."""
    seconds: float
    """Busy time, summed over all its processes."""
    workers: int = 1
    turns: str = ""
    """Stages with the same name here take turns on one worker. "" if the stage has its own
    workers."""
    waiting: int = 0
    """Batches in the queue before it."""
    most: int = 0
    """Capacity of that queue."""


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
    outcomes: np.ndarray
    """(batch,) uint8: GOOD, RERUN, NOT_FINITE or BLACK (engine/models/sd/painting.py)."""


class PaintBackend(Protocol):
    """Interface for painting; loaded and warm once constructed (ModelError in one line). One
    thread, except `times`."""

    name: str
    """fused or cluster."""
    load_s: float
    """Seconds to load models, start processes and warm up."""

    device: str
    dtype: str
    real_steps: int
    """UNet evaluations per picture."""

    @property
    def notes(self) -> Sequence[str]:
        """Notes for the user, one line each; may grow."""
        ...

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        """Paint the batches in order, with a few in flight at once. May be called again."""
        ...

    def times(self) -> tuple[StageFigures, ...]:
        """The stages in processing order; after `close` their last figures."""
        ...

    def memory_mb(self) -> float | None:
        """Device memory in use, in MiB; None on a CPU."""

    def close(self) -> None:
        """End all processes at once, also after an error. Idempotent."""


def video_batches(
    pictures: Iterator[InputPicture], size: int, painted_size: tuple[int, int], *, first: int = 0
) -> Iterator[VideoBatch]:
    """Batches of `size` pictures, in order. `painted_size`: width and height; `first`: number of
    the first batch."""
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
        waiting.append(replace(picture, pixels=resize_to_cover(picture.pixels, painted_size)))
        if len(waiting) == size:
            yield batch()
            number = number + 1
            waiting = []
    if waiting:
        yield batch()


def resize_to_cover(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale (h, w, 3) uint8 proportionally to cover this width and height, and crop to the
    centre."""
    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels
    scale = max(size[0] / width, size[1] / height)
    inner = max(size[0], round(width * scale)), max(size[1], round(height * scale))
    grown = cv2.resize(
        pixels, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    left, top = (inner[0] - size[0]) // 2, (inner[1] - size[1]) // 2
    return grown[top : top + size[1], left : left + size[0]]
