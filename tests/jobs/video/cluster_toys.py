"""A worker whose results are predictable, for tests on a real Ray. Torch is not needed.

A painted picture is its source plus 1. The last value of a batch requests a fault.
"""

import time
from collections.abc import Iterator

import numpy as np

from engine.jobs.video.backend import PaintedBatch, StageFigures, VideoBatch
from engine.jobs.video.job import VideoJob
from engine.jobs.video.on_cluster import PaintWorker
from engine.models.sd.painting import GOOD

SIDE = 16
WELL, DAWDLES = range(2)
DAWDLE_S = 0.05


def open_toy(job: VideoJob, size: tuple[int, int]) -> PaintWorker:
    return PaintWorker(Toy())


class Toy:
    """A PaintBackend without a model."""

    name, load_s = "toy", 0.0
    device, dtype, real_steps = "cpu", "float32", 3

    def __init__(self) -> None:
        self._frames = 0
        self.notes: list[str] = []

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        for batch in batches:
            fault = int(batch.pixels[-1, -1, -1, -1])
            if fault == DAWDLES:
                time.sleep(DAWDLE_S)
            self._frames += len(batch.pixels)
            yield PaintedBatch(
                batch=batch,
                pixels=batch.pixels + 1,
                outcomes=np.full(len(batch.pixels), GOOD, np.uint8),
            )

    def times(self) -> tuple[StageFigures, ...]:
        return (StageFigures(name="process", frames=0, seconds=self._frames / 1000),)

    def memory_mb(self) -> float:
        return 7.0

    def close(self) -> None:
        pass
