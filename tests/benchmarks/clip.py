"""A generated video for benchmarks, and a reader that decodes it in a loop on a thread."""

import math
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from engine.sinks.movie_file import MovieFile
from engine.sources.pictures import VideoPictures, batches, batches_waiting
from engine.system.bounded_queue import BoundedQueue, QueueAborted

FPS = 30.0
PICTURES = 60
DISCS = 6


def draw_discs(width: int, height: int, index: int) -> np.ndarray:
    """Picture `index` of an endless video, (height, width, 4) uint8: discs moving over a colour
    gradient."""
    across = np.linspace(0, 255, width, dtype=np.uint8)[None].repeat(height, axis=0)
    down = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, axis=1)
    picture = np.ascontiguousarray(
        np.stack((across, down, 255 - across, np.full_like(across, 255)), axis=-1)
    )
    for disc in range(DISCS):
        x = width * (0.5 + 0.4 * math.sin(0.05 * (disc + 1) * index + disc))
        y = height * (0.5 + 0.4 * math.cos(0.04 * (disc + 1) * index + 2 * disc))
        colour = (255 - 40 * disc, 40 * disc, 255, 255)
        cv2.circle(
            picture, (round(x), round(y)), height // 8, colour, thickness=-1, lineType=cv2.LINE_AA
        )
    return picture


def write_clip(path: Path, width: int, height: int, pictures: int = PICTURES) -> None:
    """Write a silent H.264 video, two seconds by default."""
    movie = MovieFile(
        path,
        width=width,
        height=height,
        fps=FPS,
        sample_rate_hz=0,
        sound_channels=0,
        is_offline=True,
    )
    for index in range(pictures):
        movie.add_picture(draw_discs(width, height, index), index / FPS)
    movie.close()


class LoopedClip:
    """A clip that a thread decodes in a loop, a few batches ahead, as `multiverse segment` does.
    `close` ends it."""

    def __init__(self, path: Path, batch: int) -> None:
        self._pictures = VideoPictures(path)
        self._batch = batch
        self._waiting: BoundedQueue[np.ndarray] = BoundedQueue(
            batches_waiting(self._pictures.first, batch)
        )
        self._reader = threading.Thread(target=self._read, name="bench reader", daemon=True)
        self._reader.start()

    @property
    def wait_s(self) -> float:
        """Total seconds spent waiting for batches."""
        return self._waiting.take_wait_s

    def batches(self) -> Iterator[np.ndarray]:
        """Endless batches, each (batch, height, width, 3) uint8."""
        return self._waiting.items()

    def close(self) -> None:
        self._waiting.abort()
        self._reader.join()

    def _read(self) -> None:
        try:
            while True:
                for batch in batches(
                    self._pictures.read(1, PICTURES // self._batch * self._batch), self._batch
                ):
                    self._waiting.put(batch.pixels)
        except QueueAborted:
            return
        finally:
            self._waiting.end()  # also after an error, so that `batches` does not wait forever
