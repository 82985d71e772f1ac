"""Stages in separate processes, and the layout of processes and cores."""

import math
import os
from collections.abc import Iterator
from typing import Final

from engine.jobs.video.batches import PaintedBatch, VideoBatch
from engine.jobs.video.job import VideoJob
from engine.jobs.video.split.build import StageLayout
from engine.jobs.video.split.messages import BeginStage
from engine.jobs.video.split.pool import StagePool
from engine.jobs.video.stages import StageFigures
from engine.models.sd.check import has_tiny_vae

OPENER: Final = "engine.jobs.video.split.work:open_work"
BESIDE: Final = 8  # at 640 x 360 TAESD needs 108 and 124 GFLOP per picture, SD 1.5's UNet 746 per row and step


class SplitStages:
    """PaintStages and StagesInProcesses; see stages.py."""

    def __init__(self, job: VideoJob, size: tuple[int, int], *, ready_within_s: float = math.inf) -> None:
        """Start the processes, which load and warm up in parallel: seconds. ModelError in one line, also if they are
        not ready in time."""
        self._pool = StagePool(layout_for(job, size), ready_within_s=ready_within_s)
        ready = self._pool.ready
        painter = next(each for each in ready if each.real_steps)
        self.device, self.dtype, self.real_steps = painter.device, painter.dtype, painter.real_steps
        self.notes = list(dict.fromkeys(note for each in ready for note in each.notes))

    @property
    def pids(self) -> list[int]:
        """Process ids, in processing order."""
        return self._pool.pids

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        return self._pool.paint(batches)

    def times(self) -> tuple[StageFigures, ...]:
        return self._pool.times()

    def memory_mb(self) -> float | None:
        return self._pool.memory_mb()

    def processes_mb(self) -> float:
        return self._pool.processes_mb()

    def close(self) -> None:
        self._pool.close()


def layout_for(job: VideoJob, size: tuple[int, int]) -> StageLayout:
    """Choose the processes. With TAESD, encoding and decoding get a process each; a full VAE takes as long as the UNet,
    so it runs in the painting processes."""
    is_whole = not has_tiny_vae(job.painting.spec)
    threads, threads_beside = shared_out(_cores(), job.pipe, is_whole=is_whole)
    width, height = size
    begin = BeginStage(
        opener=OPENER,
        role="whole",
        painting=job.painting,
        width=width,
        height=height,
        batch=job.batch,
        device=job.device,
        dtype=job.dtype,
        threads=job.threads or threads,
        inputs=(),
        outputs=(),
    )
    return StageLayout(
        begin=begin,
        count=job.pipe,
        threads_beside=job.threads or threads_beside,
        is_whole=is_whole,
        sees_pixels=job.painting.sees_source,
    )


def shared_out(cores: int, painters: int, *, is_whole: bool) -> tuple[int, int]:
    """CPU threads of each painting process, and of the encoding and decoding processes. No core is shared: contention
    costs several times more than one more thread gains."""
    beside = max(1, cores // BESIDE)
    return max(1, (cores if is_whole else cores - 2 * beside) // painters), beside


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
