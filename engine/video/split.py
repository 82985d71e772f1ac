"""The stages in processes of their own: `--stages split`."""

import os
from collections.abc import Iterator
from typing import Final

from engine.models.diffusion.check import has_tiny_vae
from engine.video.batches import PaintedBatch, VideoBatch
from engine.video.job import VideoJob
from engine.video.split_build import Layout
from engine.video.split_letters import BeginStage
from engine.video.split_pool import StagePool
from engine.video.stages import StageTime

OPENER: Final = "engine.video.split_work:open_work"


class SplitStages:
    """PaintStages; see there."""

    def __init__(self, job: VideoJob, size: tuple[int, int]) -> None:
        """Starts the processes, which load and warm up side by side: seconds. ModelError in one line."""
        self._pool = StagePool(layout_for(job, size))
        ready = self._pool.ready
        painter = ready[0 if len(ready) == job.pipe else 1]
        self.device, self.dtype, self.real_steps = painter.device, painter.dtype, painter.real_steps
        self.notes = list(dict.fromkeys(note for each in ready for note in each.notes))

    @property
    def pids(self) -> list[int]:
        """Of its processes, in the order of the work."""
        return self._pool.pids

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        return self._pool.paint(batches)

    def times(self) -> tuple[StageTime, ...]:
        return self._pool.times()

    def memory_mb(self) -> float | None:
        return self._pool.memory_mb()

    def close(self) -> None:
        self._pool.close()


def layout_for(job: VideoJob, size: tuple[int, int]) -> Layout:
    """With TAESD, encoding and decoding are a process each; a full VAE takes as long as painting does, and is better
    spread over the processes that paint."""
    is_whole = not has_tiny_vae(job.painting.spec)
    processes = job.pipe if is_whole else job.pipe + 2
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
        threads=job.threads or max(1, _cores() // processes),
        inputs=(),
        outputs=(),
    )
    return Layout(begin=begin, count=job.pipe, is_whole=is_whole, sees_pixels=job.painting.sees_source)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
