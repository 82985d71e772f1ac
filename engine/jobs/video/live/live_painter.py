"""Paints the pictures of all clients with one model, and caches a painter for each size in use. Single-threaded."""

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import DeviceFullError, DeviceLostError, ModelError, MultiverseError
from engine.jobs.video.batches import covered
from engine.models.sd.painting import GOOD, RERUN, Painting
from engine.sources.still import read_still

if TYPE_CHECKING:
    from engine.models.sd.batch_painter import BatchPainter

SMALLER = "choose a smaller size"
SMALLER_START = "start with a smaller --side, or --dtype float16"


class LivePainter:
    """The model and its painters, from construction to `close`."""

    def __init__(
        self, painting: Painting, *, device: str, dtype: str, threads: int | None, most_sizes: int = 4
    ) -> None:
        """Load the model: seconds. ModelError in one line; DeviceFullError if it does not fit.

        `most_sizes`: maximum number of cached painters.
        """
        from engine.models.card_memory import full_told
        from engine.models.device_work import chosen_device, chosen_dtype, use_threads
        from engine.models.sd.load import load
        from engine.system.process_memory import keep_freed_memory

        if threads is not None:
            use_threads(threads)
        self.device = chosen_device(device)
        self.dtype = chosen_dtype(dtype, self.device)
        if self.device == "cpu":
            keep_freed_memory()
        with full_told(painting.spec.model, self.device, self.dtype):
            self._model = load(painting.spec, self.device, self.dtype, is_job=True)
        self._most_sizes = most_sizes
        self._is_lost = False
        self._painters: OrderedDict[tuple[int, int], BatchPainter] = OrderedDict()

    @property
    def notes(self) -> tuple[str, ...]:
        return self._model.notes

    def warm_up(self, painting: Painting, size: tuple[int, int]) -> None:
        """Paint once at this size, so that the first picture takes no longer than later ones. Errors as in `paint`."""
        try:
            self._painter(painting, size).warm_up(1)
        except Exception as error:  # any library error; the user can still change the server's options
            raise self._explained(error, painting, size, SMALLER_START) from error

    def paint(self, pixels: np.ndarray, painting: Painting, size: tuple[int, int]) -> tuple[np.ndarray, list[str]]:
        """Crop `pixels` (h, w, 3) uint8 centrally and paint: (height, width, 3) uint8 RGB, and notes, a line each.

        Raises MultiverseError, in one line. DeviceFullError: no memory even after dropping all other painters.
        DeviceLostError: the device is unusable from now on.
        """
        shown = np.ascontiguousarray(covered(pixels, size))
        try:
            return self._attempt(shown, painting, size)
        except DeviceFullError:
            pass  # retry outside this block, because the error keeps the memory of the attempt alive
        self._drop_painters()  # other painters may hold the memory
        try:
            return self._attempt(shown, painting, size)
        except DeviceFullError:
            self._drop_painters()
            raise

    def close(self) -> None:
        """Free the device's memory, if the device still works."""
        if not self._is_lost:
            self._drop_painters()

    def _attempt(self, shown: np.ndarray, painting: Painting, size: tuple[int, int]) -> tuple[np.ndarray, list[str]]:
        try:
            painter = self._painter(painting, size)
            painted, fates = painter.paint(shown[None])
        except Exception as error:  # any library error: one picture fails, not the server
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
            # every time, because a painter of another size may have changed the model's weights
            painter.change(painting)
        self._painters.move_to_end(size)
        return painter

    def _explained(self, error: Exception, painting: Painting, size: tuple[int, int], smaller: str) -> MultiverseError:
        from engine.models.device_work import is_device_lost

        width, height = size
        if _is_full(error):  # the painter's own message names command-line options
            return DeviceFullError(f"{self.device} has no memory for {width} x {height} px: {smaller}")
        if isinstance(error, MultiverseError):
            return error
        line = " ".join(str(error).split())[:200] or type(error).__name__
        if is_device_lost(error):
            self._is_lost = True
            return DeviceLostError(f"{self.device} has failed ({line}): start the server again")
        return ModelError(f"{painting.sampler}, {painting.steps} steps, {width} x {height} px: {line}")

    def _drop_painters(self) -> None:
        painters = list(self._painters.values())
        self._painters.clear()
        for painter in painters:
            self._free(painter)

    def _free(self, painter: "BatchPainter") -> None:
        if self.device != "cpu":  # on the CPU nothing is cached, and the collection takes half a second
            painter.free_memory()


def _is_full(error: Exception) -> bool:
    from engine.models.device_work import is_out_of_memory

    return isinstance(error, DeviceFullError) or is_out_of_memory(error)


def _gentler(dtype: str) -> str:
    return "less guidance or strength helps" if dtype == "float32" else "start the server with --dtype float32"
