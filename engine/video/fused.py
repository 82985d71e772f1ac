"""All stages in this process: on CUDA on streams that overlap, elsewhere one after the other."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from engine.video.batches import PaintedBatch, VideoBatch
from engine.video.job import VideoJob
from engine.video.stages import StageTime


class FusedStages:
    """PaintStages; see there."""

    def __init__(self, job: VideoJob, size: tuple[int, int]) -> None:
        """Loads the model and warms it up: seconds. ModelError in one line."""
        from engine.models.device_work import chosen_device, chosen_dtype, forbid_spilling, use_threads
        from engine.models.diffusion.batch_painter import BatchPainter
        from engine.models.diffusion.stage_loading import load_stage
        from engine.process_memory import keep_freed_memory
        from engine.sources.still import read_still

        if job.threads is not None:
            use_threads(job.threads)
        device = chosen_device(job.device)
        forbid_spilling(device)
        if device == "cpu":
            keep_freed_memory()
        self.device, self.dtype = device, chosen_dtype(job.dtype, device)
        painter = load_stage(job.painting, "whole", device, self.dtype, *size, read_picture=read_still)
        self._painter: BatchPainter | None = painter
        painter.warm_up(job.batch)
        self.real_steps = painter.real_steps
        self.notes = [*painter.model.notes, *painter.notes]
        self._frames = 0

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        assert self._painter is not None
        sent: deque[VideoBatch] = deque()

        def pixels() -> Iterator[np.ndarray]:
            for batch in batches:
                sent.append(batch)
                yield batch.pixels

        for painted, fates in self._painter.paint_stream(pixels()):
            batch = sent.popleft()
            self._frames += len(batch.pictures)
            yield PaintedBatch(batch=batch, pixels=painted, fates=fates)

    def times(self) -> tuple[StageTime, ...]:
        assert self._painter is not None
        seconds = self._painter.stage_s
        turns = "" if self.device.startswith("cuda") else "paint"  # there each has a stream of its own
        return tuple(
            StageTime(name=name, frames=self._frames, seconds=seconds.get(name, 0.0), turns=turns)
            for name in ("encode", "process", "decode")
        )

    def memory_mb(self) -> float | None:
        return None if self._painter is None else self._painter.memory_mb

    def close(self) -> None:
        if self._painter is not None:
            self._painter.free_memory()
            self._painter = None
