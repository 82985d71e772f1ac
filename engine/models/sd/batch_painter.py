"""Paints the pictures of a job in batches, in three stages that overlap on CUDA.

Every batch has the same number of rows and every picture the same noise, so a result depends only
on its picture and the Painting. If the model returns NaN or black for a picture, the whole batch is
run again; good pictures are kept.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np

from engine.models.card_memory import translate_load_oom, translate_oom
from engine.models.device_work import DeviceCopies, HostBuffers, free_memory
from engine.models.sd.batch_pipeline import BatchPipeline, CallsFor, ReadPicture, merge_rerun
from engine.models.sd.load import load
from engine.models.sd.overlap import paint_overlapped
from engine.models.sd.painting import GOOD, Painting, accept_black_sources

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

GREY = 128


class BatchPainter:
    """Paints batches. Single thread, except `stage_s`. One-line ModelErrors; DeviceFullError if
    memory is short."""

    def __init__(
        self,
        model: "DiffusionModel",
        painting: Painting,
        width: int,
        height: int,
        *,
        read_picture: ReadPicture | None = None,
        calls: CallsFor | None = None,
    ) -> None:
        """`read_picture` reads the IP-Adapter's picture. `calls(device)` runs the model; by default
        graphs on CUDA."""
        self.model = model
        self.notes: list[str] = []
        """Messages for the user, one line each."""
        self._size = width, height
        self._pipeline = BatchPipeline(
            model, self._size, calls, read_picture=read_picture, note=self._note
        )
        self._uploads = DeviceCopies(model.device)
        self._download = HostBuffers(model.device)
        self.change(painting)
        if model.deep_cache is not None:
            steps = self._pipeline.steps
            counted = (
                f"evals counts the steps that run the whole UNet: {self.real_steps} of "
                f"{steps} per picture"
            )
            nothing = "has no effect with one step per picture; increase --steps or --strength"
            self._note(f"deepcache: {counted if steps > 1 else nothing}")

    def change(self, painting: Painting) -> None:
        """Use this Painting from the next batch on; its spec must be the model's. Cheap if its
        texts are cached."""
        with self._in_memory(1):
            self._pipeline.change(painting)

    @property
    def real_steps(self) -> int:
        """Evaluations of the whole UNet per picture; with DeepCache fewer than steps."""
        return self._pipeline.evaluations

    @property
    def stage_s(self) -> dict[str, float]:
        """Seconds spent in encode, process and decode, as far as they have been read from the
        device."""
        return self._pipeline.seconds.total()

    def free_memory(self) -> None:
        """Free all caches."""
        self._pipeline.drop()
        free_memory(self.model.device)

    def warm_up(self, batch: int) -> None:
        """Do the one-time work for this batch size: select kernels, capture graphs, compile
        parts."""
        width, height = self._size
        self.paint(np.full((batch, height, width, 3), GREY, np.uint8))
        self._pipeline.seconds.forget()

    def paint(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run all three stages: (B, height, width, 3) uint8, and the outcome of each picture, (B,)
        uint8."""
        with self._in_memory(len(rgb)):
            pixels, outcomes = self._attempt(rgb)
            return self._repaint_bad(rgb, pixels, outcomes)

    def paint_stream(
        self, batches: Iterator[np.ndarray]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Paint batch after batch, in order. On CUDA several batches are in flight at once. A batch
        must not be changed until its result has arrived, and no other method may be called in the
        meantime."""
        if self.model.device.type != "cuda":
            yield from map(self.paint, batches)
            return
        painted = paint_overlapped(self._pipeline, batches, self._repaint_bad)
        while True:
            with self._in_memory(None):
                result = next(painted, None)
            if result is None:
                return
            yield result

    def _repaint_bad(
        self, rgb: np.ndarray, pixels: np.ndarray, outcomes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The result of a first attempt, with bad pictures replaced by those of a second one."""
        outcomes = accept_black_sources(outcomes, pixels, rgb)
        if (outcomes == GOOD).all():
            return pixels, outcomes
        again, second = self._attempt(rgb)
        outcomes, is_fixed = merge_rerun(outcomes, accept_black_sources(second, again, rgb))
        pixels[is_fixed] = again[is_fixed]
        return pixels, outcomes

    def _attempt(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pipeline = self._pipeline
        z = pipeline.process(
            pipeline.encode(rgb, self._uploads), pipeline.controls(rgb, self._uploads)
        )
        pixels, outcomes = (each.copy() for each in self._download.fetch(*pipeline.decode(z)))
        pipeline.seconds.read()
        return pixels, outcomes

    def _note(self, line: str) -> None:
        if line not in self.notes:
            self.notes.append(line)

    def _in_memory(self, batch: int | None) -> AbstractContextManager[None]:
        width, height = self._size
        batches = "" if batch is None else f" in batches of {batch}"
        return translate_oom(
            f"{self.model.spec.model}: pictures of {width} x {height}{batches} do not fit into "
            "the memory of "
            f"{self.model.device}; use a smaller --batch or --scale"
        )


def load_painter(
    painting: Painting,
    device: str,
    dtype: str,
    width: int,
    height: int,
    *,
    read_picture: ReadPicture | None = None,
) -> BatchPainter:
    """Load a model and its BatchPainter. ModelError in one line, DeviceFullError if memory is
    short."""
    with translate_load_oom(painting.spec.model, device, dtype):
        model = load(painting.spec, device, dtype, is_job=True)
    return BatchPainter(model, painting, width, height, read_picture=read_picture)
