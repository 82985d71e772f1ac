"""Paints the pictures of a job in batches, in three stages that overlap on CUDA.

Every batch has the same number of rows and every picture the same noise, so a result depends only on its picture and
the Painting. If the model returns NaN or black for a picture, the whole batch is run again, and the good pictures of
the first run are kept.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np

from engine.models.card_memory import full_told, told_when_full
from engine.models.device_work import DeviceCopies, HostBuffers, free_memory
from engine.models.sd.batch_stages import BatchStages, CallsFor, ReadPicture, merge_rerun
from engine.models.sd.load import load
from engine.models.sd.overlap import paint_overlapped
from engine.models.sd.painting import GOOD, Painting, accept_black_sources

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

GREY = 128


class BatchPainter:
    """Single thread, except `stage_s`. Raises one-line ModelErrors, and DeviceFullError if memory is short."""

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
        """`read_picture` reads the IP-Adapter's picture file. `calls(device)` runs the parts of the model; by default
        graphs on CUDA."""
        self.model = model
        self.notes: list[str] = []
        """Messages for the user, one line each."""
        self._size = width, height
        self._pieces = BatchStages(model, self._size, calls, read_picture=read_picture, note=self._note)
        self._uploads, self._download = DeviceCopies(model.device), HostBuffers(model.device)
        self.change(painting)
        if model.deep_cache is not None:
            steps = self._pieces.steps
            told = f"evals counts the steps that run the whole UNet: {self.real_steps} of {steps} per picture"
            nothing = "has no effect with one step per picture; increase --steps or --strength"
            self._note(f"deepcache: {told if steps > 1 else nothing}")

    def change(self, painting: Painting) -> None:
        """Use this Painting from the next batch on; its spec must be the model's. Cheap if its texts are cached."""
        with self._in_memory(1):
            self._pieces.change(painting)

    @property
    def real_steps(self) -> int:
        """Evaluations of the whole UNet per picture; with DeepCache fewer than steps."""
        return self._pieces.evaluations

    @property
    def stage_s(self) -> dict[str, float]:
        """Seconds spent in encode, process and decode, as far as they have been read from the device."""
        return self._pieces.seconds.total()

    def free_memory(self) -> None:
        """Free all caches."""
        self._pieces.drop()
        free_memory(self.model.device)

    def warm_up(self, batch: int) -> None:
        """Do the one-time work for this batch size: select kernels, capture graphs, compile parts."""
        width, height = self._size
        self.paint(np.full((batch, height, width, 3), GREY, np.uint8))
        self._pieces.seconds.forget()

    def paint(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run all three stages: (B, height, width, 3) uint8, and the fate of each picture, (B,) uint8."""
        with self._in_memory(len(rgb)):
            pixels, fates = self._attempt(rgb)
            return self._settled(rgb, pixels, fates)

    def paint_stream(self, batches: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Paint batch after batch, in order. On CUDA several batches are in flight at once. A batch must not be changed
        until its result has arrived, and no other method may be called in the meantime."""
        if self.model.device.type != "cuda":
            yield from map(self.paint, batches)
            return
        painted = paint_overlapped(self._pieces, batches, self._settled)
        while True:
            with self._in_memory(None):
                result = next(painted, None)
            if result is None:
                return
            yield result

    def _settled(self, rgb: np.ndarray, pixels: np.ndarray, fates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The result of a first attempt, with bad pictures replaced by a second one."""
        fates = accept_black_sources(fates, pixels, rgb)
        if (fates == GOOD).all():
            return pixels, fates
        again, second = self._attempt(rgb)
        fates, is_mended = merge_rerun(fates, accept_black_sources(second, again, rgb))
        pixels[is_mended] = again[is_mended]
        return pixels, fates

    def _attempt(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        stages = self._pieces
        z = stages.process(stages.encode(rgb, self._uploads), stages.controls(rgb, self._uploads))
        pixels, fates = (each.copy() for each in self._download.fetch(*stages.decode(z)))
        stages.seconds.read()
        return pixels, fates

    def _note(self, line: str) -> None:
        if line not in self.notes:
            self.notes.append(line)

    def _in_memory(self, batch: int | None) -> AbstractContextManager[None]:
        width, height = self._size
        batches = "" if batch is None else f" in batches of {batch}"
        return told_when_full(
            f"{self.model.spec.model}: pictures of {width} x {height}{batches} do not fit into the memory of "
            f"{self.model.device}; use a smaller --batch or --scale"
        )


def load_painter(
    painting: Painting, device: str, dtype: str, width: int, height: int, *, read_picture: ReadPicture | None = None
) -> BatchPainter:
    """ModelError in one line, DeviceFullError if memory is short. `read_picture`: see BatchPainter."""
    with full_told(painting.spec.model, device, dtype):
        model = load(painting.spec, device, dtype, is_job=True)
    return BatchPainter(model, painting, width, height, read_picture=read_picture)
