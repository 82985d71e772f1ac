"""A recipe whose results are predictable, for tests on a real Ray. Torch is not needed.

A painted picture is its source plus 1. The last value of a batch requests a fault.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import DeviceFullError, ModelError
from engine.jobs.video.batches import PaintedBatch, VideoBatch
from engine.jobs.video.cluster.paint_recipe import PaintWorker
from engine.jobs.video.job import VideoJob
from engine.jobs.video.stages import StageFigures
from engine.models.sd.painting import GOOD

SIDE = 16
WELL, RAISES, REFUSES, DAWDLES, IS_FULL = range(5)
DAWDLE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyRecipe:
    """A recipe for Toy; the prompt may request a fault of loading."""

    job: VideoJob
    size: tuple[int, int]

    def open(self) -> PaintWorker:
        prompt = self.job.painting.prompt
        if prompt == "dies at once":
            os.kill(os.getpid(), signal.SIGKILL)
        if prompt == "raises at once":
            raise RuntimeError("two lines\nof trouble")
        if prompt.startswith("full "):
            folder = Path(prompt.removeprefix("full "))
            if is_first(folder / "to load"):
                raise DeviceFullError("toy: does not fit; try --dtype float16")
        return PaintWorker(Toy())


def toy_recipe(job: VideoJob, size: tuple[int, int]) -> ToyRecipe:
    return ToyRecipe(job=job, size=size)


def is_first(name: Path) -> bool:
    """True once per name, across processes."""
    try:
        name.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Toy:
    """PaintStages without a model."""

    device, dtype, real_steps = "cpu", "float32", 3

    def __init__(self) -> None:
        self._frames = 0
        self.notes: list[str] = []

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        for batch in batches:
            fault = int(batch.pixels[-1, -1, -1, -1])
            if fault == RAISES:
                raise ValueError("two lines\nof trouble")
            if fault == REFUSES:
                raise ModelError("toy: these pictures are not for me")
            if fault == IS_FULL:
                raise DeviceFullError("toy: these pictures do not fit; give a smaller --batch")
            if fault == DAWDLES:
                time.sleep(DAWDLE_S)
            self._frames += len(batch.pixels)
            yield PaintedBatch(batch=batch, pixels=batch.pixels + 1, fates=np.full(len(batch.pixels), GOOD, np.uint8))

    def times(self) -> tuple[StageFigures, ...]:
        return (StageFigures(name="process", frames=0, seconds=self._frames / 1000),)

    def memory_mb(self) -> float:
        return 7.0

    def close(self) -> None:
        pass
