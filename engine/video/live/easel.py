"""The one model, and what paints with it: a painter for each size that is asked for. One thread."""

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import ModelError, MultiverseError
from engine.models.diffusion.painting import GOOD, RERUN, Painting
from engine.sources.still import read_still
from engine.video.batches import covered

if TYPE_CHECKING:
    from engine.models.diffusion.batch_painter import BatchPainter

MOST_SIZES = 4  # each holds captured graphs on CUDA: as many as clients usually are


class DeviceLostError(ModelError):
    """The device takes no more work from this process."""


class Easel:
    def __init__(self, painting: Painting, *, device: str, dtype: str, threads: int | None) -> None:
        """Loads the model: seconds. ModelError in one line."""
        from engine.models.device_work import chosen_device, chosen_dtype, use_threads
        from engine.models.diffusion.load import load
        from engine.process_memory import keep_freed_memory

        if threads is not None:
            use_threads(threads)
        self.device = chosen_device(device)
        self.dtype = chosen_dtype(dtype, self.device)
        if self.device == "cpu":
            keep_freed_memory()
        self._model = load(painting.spec, self.device, self.dtype, is_job=True)
        self._painters: OrderedDict[tuple[int, int], BatchPainter] = OrderedDict()

    @property
    def notes(self) -> tuple[str, ...]:
        return self._model.notes

    def warm_up(self, painting: Painting, size: tuple[int, int]) -> None:
        """The first picture at this size takes no longer than the next."""
        self._painter(painting, size).warm_up(1)

    def paint(self, pixels: np.ndarray, painting: Painting, size: tuple[int, int]) -> tuple[np.ndarray, list[str]]:
        """(height, width, 3) uint8 RGB of this size: the middle of `pixels` (h, w, 3) uint8, painted. And what the
        client should know, a line each.

        MultiverseError, in one line, when the model cannot. DeviceLostError: nor ever again.
        """
        shown = np.ascontiguousarray(covered(pixels, size))
        try:
            painter = self._painter(painting, size)
            painted, fates = painter.paint(shown[None])
        except Exception as error:  # libraries raise what they like; it is one client's picture, not the server's end
            raise self._explained(error, painting, size) from error
        if fates[0] not in (GOOD, RERUN):
            raise ModelError(f"the model gave no picture (NaN or black): {_gentler(self.dtype)}")
        notes = list(painter.notes)
        painter.notes.clear()
        return painted[0], notes

    def close(self) -> None:
        """Give everything back to the device."""
        self._forget()

    def _painter(self, painting: Painting, size: tuple[int, int]) -> "BatchPainter":
        from engine.models.diffusion.batch_painter import BatchPainter

        painter = self._painters.get(size)
        if painter is None:
            while len(self._painters) >= MOST_SIZES:
                _, oldest = self._painters.popitem(last=False)
                oldest.free_memory()
            painter = self._painters[size] = BatchPainter(self._model, painting, *size, read_picture=read_still)
        else:
            painter.change(painting)  # each time: what lies in the model's weights another size may have changed
        self._painters.move_to_end(size)
        return painter

    def _explained(self, error: Exception, painting: Painting, size: tuple[int, int]) -> MultiverseError:
        from engine.models.device_work import is_out_of_memory

        width, height = size
        if is_out_of_memory(error.__context__ or error):  # a painter has words for it that are not for this client
            self._forget()
            return ModelError(f"{self.device} has no memory for {width} x {height} px: choose a smaller size")
        if isinstance(error, MultiverseError):
            return error
        line = " ".join(str(error).split())[:200] or type(error).__name__
        if self.device.startswith("cuda") and "CUDA" in str(error):  # its context is of no use any more
            return DeviceLostError(f"{self.device} has failed ({line}): start the server again")
        return ModelError(f"{painting.sampler}, {painting.steps} steps, {width} x {height} px: {line}")

    def _forget(self) -> None:
        painters = list(self._painters.values())
        self._painters.clear()
        if self.device != "cpu":  # where nothing is kept from the system, and looking for it takes half a second
            for painter in painters:
                painter.free_memory()


def _gentler(dtype: str) -> str:
    return "less guidance or strength helps" if dtype == "float32" else "start the server with --dtype float32"
