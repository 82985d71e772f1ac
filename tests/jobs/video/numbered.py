"""Pictures that carry their number, as a movie; and what `open_input` reads of it."""

from pathlib import Path
from typing import Any

import numpy as np

from engine.jobs.video.inputs import open_input
from engine.sources.pictures import InputPicture, Pictures
from tests.jobs.segment.disc_movie import write_movie

WIDTH, HEIGHT = 96, 64
BITS = 9


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(height, width, 3) uint8: `number` in nine black or white stripes, the lowest bit left."""
    bits = np.array([255 * (number >> bit & 1) for bit in range(BITS)], np.uint8)
    return np.repeat(bits[np.arange(width) * BITS // width][None, :, None], 3, axis=2).repeat(
        height, axis=0
    )


def number_in(pixels: np.ndarray) -> int:
    height, width = pixels.shape[:2]
    middles = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    return sum(
        1 << bit
        for bit, value in enumerate(pixels[height // 2, middles].mean(axis=1))
        if value > 127
    )


def write_numbered(folder: Path, count: int = 12, *, name: str = "in.mp4", **options: Any) -> Path:
    """Write a movie of numbered pictures, 30 per second, silent H.264, unless options of
    `write_movie` differ."""
    pictures = options.pop("pictures", None) or [numbered(number) for number in range(count)]
    return write_movie(folder / name, pictures, **{"sound": None} | options)


def read_all(
    source: Path | str, every: int = 1, limit: int | None = None, start: int = 0
) -> tuple[Pictures, list[InputPicture]]:
    pictures = open_input(str(source))
    return pictures, list(pictures.read(every, limit, start))
