"""Paints in this process: stages on overlapping CUDA streams, or sequentially on other devices."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from engine.errors import DeviceLostError, ModelError, MultiverseError, in_one_line
from engine.jobs.video.backend import STAGE_NAMES, PaintedBatch, StageFigures, VideoBatch
from engine.jobs.video.job import VideoJob
from engine.models.data_type import emulation_notes
from engine.models.sd.spec import ModelSpec


class FusedPaintBackend:
    """A PaintBackend in this process; see backend.py."""

    name = "fused"

    def __init__(self, job: VideoJob, size: tuple[int, int]) -> None:
        """Loads the model and warms it up: seconds. ModelError in one line."""
        began_s = time.perf_counter()  # with the import of torch
        from engine.models.device_work import device_and_dtype
        from engine.models.sd.batch_painter import BatchPainter, load_painter
        from engine.sources.still import read_still
        from engine.system.process_memory import keep_freed_memory

        device, dtype = device_and_dtype(job.device, job.dtype, job.threads)
        self.device = device
        self.dtype = dtype
        if self.device == "cpu":
            keep_freed_memory()
        self._model = job.painting.spec.model
        with self._one_line():
            painter = load_painter(
                job.painting, self.device, self.dtype, *size, read_picture=read_still
            )
            self._painter: BatchPainter | None = painter
            painter.warm_up(job.batch)
        self.real_steps = painter.real_steps
        self.notes = [
            *painter.model.notes,
            *painter.notes,
            *emulation_notes(self.dtype, self.device),
        ]
        self._frames = 0
        self._last = self.times()
        self.load_s = time.perf_counter() - began_s

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        assert self._painter is not None
        sent: deque[VideoBatch] = deque()
        of_source: Exception | None = None

        def pixels() -> Iterator[np.ndarray]:
            nonlocal of_source
            try:
                for batch in batches:
                    sent.append(batch)
                    yield batch.pixels
            except Exception as error:
                of_source = error
                raise

        results = self._painter.paint_stream(pixels())
        while True:
            with self._one_line(lambda: of_source):
                result = next(results, None)
            if result is None:
                return
            batch = sent.popleft()
            self._frames += len(batch.pictures)
            yield PaintedBatch(batch=batch, pixels=result[0], outcomes=result[1])

    def times(self) -> tuple[StageFigures, ...]:
        painter = self._painter
        if painter is None:
            return self._last
        seconds = painter.stage_s
        # on CUDA each stage has its own stream
        turns = "" if self.device.startswith("cuda") else "paint"
        return tuple(
            StageFigures(
                name=name, frames=self._frames, seconds=seconds.get(name, 0.0), turns=turns
            )
            for name in STAGE_NAMES
        )

    def memory_mb(self) -> float | None:
        return None if self._painter is None else self._painter.model.card_mb

    def close(self) -> None:
        if self._painter is None:
            return
        from engine.models.device_work import free_memory

        self._last = self.times()
        device = self._painter.model.device
        self._painter = None
        free_memory(device)  # a caller may load the next model

    @contextmanager
    def _one_line(self, of_source: Callable[[], Exception | None] = lambda: None) -> Iterator[None]:
        """Turn library errors into ModelError, DeviceLostError if it was the device; errors of the
        source pass."""
        from engine.models.device_work import is_device_lost

        try:
            yield
        except Exception as error:
            if isinstance(error, MultiverseError) or error is of_source():
                raise
            kind = DeviceLostError if is_device_lost(error) else ModelError
            raise kind(f"{self._model}: {in_one_line(error)}") from error


def check_model(spec: ModelSpec) -> None:
    """Raise ModelError for missing files of a model. Takes milliseconds."""
    from engine.models.sd.plan.model_plan import plan_model

    missing = () if spec.random_shape else plan_model(spec).missing
    if missing:
        raise ModelError(missing[0])
