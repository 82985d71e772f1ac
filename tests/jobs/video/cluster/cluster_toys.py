"""An actor whose work can be foretold, for tests on a real Ray. Torch is not needed.

A painted picture is its source and 1 more. The last pixel of a batch asks for a fault; the first names the picture.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.errors import DeviceFullError, ModelError
from engine.jobs.video.batches import PaintedBatch, VideoBatch
from engine.jobs.video.cluster.actor import ClusterActor
from engine.jobs.video.job import VideoJob
from engine.jobs.video.stages import StageFigures
from engine.models.sd.painting import GOOD

SIDE = 16
WELL, RAISES, REFUSES, DAWDLES, IS_FULL = range(5)
DAWDLE_S = 0.05


class ToyActor(ClusterActor):
    def opened(self, job: VideoJob, size: tuple[int, int]) -> "Toy":
        """The prompt may name a fault of loading."""
        if job.painting.prompt == "dies at once":
            os.kill(os.getpid(), signal.SIGKILL)
        if job.painting.prompt == "raises at once":
            raise RuntimeError("two lines\nof trouble")
        if job.painting.prompt.startswith("full "):
            folder = Path(job.painting.prompt.removeprefix("full "))
            if is_first(folder / "to load"):
                raise DeviceFullError("toy: does not fit; try --dtype float16")
        return Toy()


def is_first(name: Path) -> bool:
    """Of all who ask, in whatever process."""
    try:
        name.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Toy:
    device, dtype, real_steps, notes = "cpu", "float32", 3, ()

    def __init__(self) -> None:
        self._frames = 0

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
