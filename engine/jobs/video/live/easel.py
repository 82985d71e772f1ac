"""The one model, and what paints with it: a painter for each size that is asked for. One thread."""

import re
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import DeviceFullError, ModelError, MultiverseError
from engine.jobs.video.batches import covered
from engine.models.sd.painting import GOOD, RERUN, Painting
from engine.sources.still import read_still

if TYPE_CHECKING:
    from engine.models.sd.batch_painter import BatchPainter

LIBRARIES = re.compile(r"cuda|cublas|cudnn|cusolver", re.IGNORECASE)  # after whose errors a context is of no use
SMALLER = "choose a smaller size"
SMALLER_START = "start with a smaller --side, or --dtype float16"


class DeviceLostError(ModelError):
    """The device takes no more work from this process."""


class Easel:
    def __init__(
        self, painting: Painting, *, device: str, dtype: str, threads: int | None, most_sizes: int = 4
    ) -> None:
        """Loads the model: seconds. ModelError in one line, DeviceFullError where it does not fit. `most_sizes`: for
        which a painter is kept."""
        from engine.models.device_work import chosen_device, chosen_dtype, forbid_spilling, use_threads
        from engine.models.sd.load import load
        from engine.system.process_memory import keep_freed_memory

        if threads is not None:
            use_threads(threads)
        self.device = chosen_device(device)
        self.dtype = chosen_dtype(dtype, self.device)
        if self.device == "cpu":
            keep_freed_memory()
        forbid_spilling(self.device)
        try:
            self._model = load(painting.spec, self.device, self.dtype, is_job=True)
        except RuntimeError as error:
            if not _is_full(error):
                raise
            name, advice = painting.spec.model, "" if self.dtype == "float16" else "; try --dtype float16"
            raise DeviceFullError(f"{name}: does not fit into the memory of {self.device}{advice}") from None
        self._most_sizes = most_sizes
        self._is_lost = False
        self._painters: OrderedDict[tuple[int, int], BatchPainter] = OrderedDict()

    @property
    def notes(self) -> tuple[str, ...]:
        return self._model.notes

    def warm_up(self, painting: Painting, size: tuple[int, int]) -> None:
        """The first picture at this size takes no longer than the next. MultiverseError as in `paint`."""
        try:
            self._painter(painting, size).warm_up(1)
        except Exception as error:  # as below; here it is the server's end, and its options can be changed
            raise self._explained(error, painting, size, SMALLER_START) from error

    def paint(self, pixels: np.ndarray, painting: Painting, size: tuple[int, int]) -> tuple[np.ndarray, list[str]]:
        """(height, width, 3) uint8 RGB of this size: the middle of `pixels` (h, w, 3) uint8, painted. And what the
        client should know, a line each.

        MultiverseError, in one line, when the model cannot. DeviceFullError: nor when nothing else is kept on the
        device. DeviceLostError: nor ever again.
        """
        shown = np.ascontiguousarray(covered(pixels, size))
        try:
            return self._attempt(shown, painting, size)
        except DeviceFullError:
            pass  # and out of here, where the error holds what the attempt has taken
        self._forget()  # it may be full of what larger pictures of others have left
        try:
            return self._attempt(shown, painting, size)
        except DeviceFullError:
            self._forget()
            raise

    def close(self) -> None:
        """Give everything back to the device, if it still takes anything."""
        if not self._is_lost:
            self._forget()

    def _attempt(self, shown: np.ndarray, painting: Painting, size: tuple[int, int]) -> tuple[np.ndarray, list[str]]:
        try:
            painter = self._painter(painting, size)
            painted, fates = painter.paint(shown[None])
        except Exception as error:  # libraries raise what they like; it is one client's picture, not the server's end
            raise self._explained(error, painting, size, SMALLER) from error
        if fates[0] not in (GOOD, RERUN):
            raise ModelError(f"the model gave no picture (NaN or black): {_gentler(self.dtype)}")
        notes = list(painter.notes)
        painter.notes.clear()
        return painted[0], notes

    def _painter(self, painting: Painting, size: tuple[int, int]) -> "BatchPainter":
        from engine.models.sd.batch_painter import BatchPainter

        painter = self._painters.get(size)
        if painter is None:
            while len(self._painters) >= self._most_sizes:
                _, oldest = self._painters.popitem(last=False)
                self._free(oldest)
            painter = self._painters[size] = BatchPainter(self._model, painting, *size, read_picture=read_still)
        else:
            painter.change(painting)  # each time: what lies in the model's weights another size may have changed
        self._painters.move_to_end(size)
        return painter

    def _explained(self, error: Exception, painting: Painting, size: tuple[int, int], smaller: str) -> MultiverseError:
        width, height = size
        if _is_full(error):  # a painter has words for it that are not for a page
            return DeviceFullError(f"{self.device} has no memory for {width} x {height} px: {smaller}")
        if isinstance(error, MultiverseError):
            return error
        line = " ".join(str(error).split())[:200] or type(error).__name__
        if self.device.startswith("cuda") and is_of_device(error):
            self._is_lost = True
            return DeviceLostError(f"{self.device} has failed ({line}): start the server again")
        return ModelError(f"{painting.sampler}, {painting.steps} steps, {width} x {height} px: {line}")

    def _forget(self) -> None:
        painters = list(self._painters.values())
        self._painters.clear()
        for painter in painters:
            self._free(painter)

    def _free(self, painter: "BatchPainter") -> None:
        if self.device != "cpu":  # where nothing is kept from the system, and looking for it takes half a second
            painter.free_memory()


def is_of_device(error: Exception) -> bool:
    """Whether CUDA or one of its libraries failed, for another reason than a full device."""
    return LIBRARIES.search(str(error)) is not None and not _is_full(error)


def _is_full(error: Exception) -> bool:
    from engine.models.device_work import is_out_of_memory

    return isinstance(error, DeviceFullError) or is_out_of_memory(error)


def _gentler(dtype: str) -> str:
    return "less guidance or strength helps" if dtype == "float32" else "start the server with --dtype float32"
