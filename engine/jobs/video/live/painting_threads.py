"""Two threads between the clients and the model: one decodes and paints, one picture at a time, the
other encodes.

Encoding overlaps with painting the next picture. Decoding ahead would mean painting an older
picture. `LivePainter` is the model, with a painter for each size in use.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import DeviceFullError, DeviceLostError, ModelError, MultiverseError
from engine.jobs.video.backend import resize_to_cover
from engine.jobs.video.live.controls import painted_size
from engine.jobs.video.live.fair_queue import FairQueue, PaintTask
from engine.jobs.video.live.protocol import decode, encode, pack
from engine.models.sd.painting import GOOD, RERUN, Painting
from engine.sources.still import read_still
from engine.system.bounded_queue import WAKE_S, BoundedQueue, QueueAborted
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report

if TYPE_CHECKING:
    from engine.models.sd.batch_painter import BatchPainter

log = logging.getLogger(__name__)

SMALLER = "choose a smaller size"
SMALLER_START = "start with a smaller --size, or --dtype float16"
# pause for a client whose picture could not be painted: its next one will most likely fail too
REST_S = 1.0
# the same after "device full": each attempt drops the painters that are cached for other clients
FULL_REST_S = 10.0


class LivePainter:
    """The model and its painters, from construction to `close`."""

    def __init__(
        self,
        painting: Painting,
        *,
        device: str,
        dtype: str,
        threads: int | None,
        most_sizes: int = 4,
    ) -> None:
        """Load the model: seconds. ModelError; DeviceFullError if it does not fit. `most_sizes`:
        cached painters."""
        from engine.models.card_memory import translate_load_oom
        from engine.models.device_work import device_and_dtype
        from engine.models.sd.load import load
        from engine.system.process_memory import keep_freed_memory

        new_device, new_dtype = device_and_dtype(device, dtype, threads)
        self.device = new_device
        self.dtype = new_dtype
        if self.device == "cpu":
            keep_freed_memory()
        with translate_load_oom(painting.spec.model, self.device, self.dtype):
            self._model = load(painting.spec, self.device, self.dtype, is_job=True)
        self._most_sizes = most_sizes
        self._is_lost = False
        self._painters: OrderedDict[tuple[int, int], BatchPainter] = OrderedDict()

    @property
    def notes(self) -> tuple[str, ...]:
        return self._model.notes

    def warm_up(self, painting: Painting, size: tuple[int, int]) -> None:
        """Paint once at this size, so that the first picture takes no longer than later ones.
        Errors as in `paint`."""
        try:
            self._painter(painting, size).warm_up(1)
        except (
            Exception
        ) as error:  # any library error; the user can still change the server's options
            raise self._explained(error, painting, size, SMALLER_START) from error

    def paint(
        self, pixels: np.ndarray, painting: Painting, size: tuple[int, int]
    ) -> tuple[np.ndarray, list[str]]:
        """Crop `pixels` (h, w, 3) uint8 centrally and paint: (height, width, 3) uint8 RGB, and
        notes, a line each. MultiverseError in one line: DeviceFullError if there is no memory even
        after dropping all other painters, DeviceLostError if the device is unusable from now on."""
        cropped = np.ascontiguousarray(resize_to_cover(pixels, size))
        try:
            return self._attempt(cropped, painting, size)
        except DeviceFullError:
            # retry outside this block, because the error keeps the memory of the attempt alive
            pass
        self._drop_painters()  # other painters may hold the memory
        try:
            return self._attempt(cropped, painting, size)
        except DeviceFullError:
            self._drop_painters()
            raise

    def close(self) -> None:
        """Free the device's memory, if the device still works."""
        if not self._is_lost:
            self._drop_painters()

    def _attempt(
        self, cropped: np.ndarray, painting: Painting, size: tuple[int, int]
    ) -> tuple[np.ndarray, list[str]]:
        try:
            painter = self._painter(painting, size)
            painted, outcomes = painter.paint(cropped[None])
        except Exception as error:  # any library error: one picture fails, not the server
            raise self._explained(error, painting, size, SMALLER) from error
        if outcomes[0] not in (GOOD, RERUN):
            is_exact = self.dtype == "float32"
            advice = (
                "less guidance or strength helps"
                if is_exact
                else "start the server with --dtype float32"
            )
            raise ModelError(f"the model gave no picture (NaN or black): {advice}")
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
            painter = self._painters[size] = BatchPainter(
                self._model, painting, *size, read_picture=read_still
            )
        else:
            # every time, because a painter of another size may have changed the model's weights
            painter.change(painting)
        self._painters.move_to_end(size)
        return painter

    def _explained(
        self, error: Exception, painting: Painting, size: tuple[int, int], smaller: str
    ) -> MultiverseError:
        from engine.models.device_work import is_device_lost, is_out_of_memory

        width, height = size
        # the painter's own message names command-line options
        if isinstance(error, DeviceFullError) or is_out_of_memory(error):
            return DeviceFullError(
                f"{self.device} has no memory for {width} x {height} px: {smaller}"
            )
        if isinstance(error, MultiverseError):
            return error
        line = " ".join(str(error).split())[:200] or type(error).__name__
        if is_device_lost(error):
            self._is_lost = True
            return DeviceLostError(f"{self.device} has failed ({line}): start the server again")
        return ModelError(
            f"{painting.sampler}, {painting.steps} steps, {width} x {height} px: {line}"
        )

    def _drop_painters(self) -> None:
        painters = list(self._painters.values())
        self._painters.clear()
        for painter in painters:
            self._free(painter)

    def _free(self, painter: "BatchPainter") -> None:
        # on the CPU nothing is cached, and the collection takes half a second
        if self.device != "cpu":
            painter.free_memory()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaintedResult:
    task: PaintTask
    pixels: np.ndarray
    """(height, width, 3) uint8 RGB."""
    waited_ms: float
    painted_ms: float


class PaintingThreads:
    """The painter thread and the encoder thread, from `start` to `close`."""

    def __init__(
        self, queue: FairQueue, open_painter: Callable[[], LivePainter], report: Report
    ) -> None:
        """`open_painter` is called on the painter thread, the only one that uses the model."""
        self.fault = ""
        """Reason why painting has stopped, in one line; empty while it works."""
        self._queue = queue
        self._open_painter = open_painter
        self._report = report
        self._model: LivePainter | None = None
        self._error: Exception | None = None
        self._is_open = threading.Event()
        self._painted: BoundedQueue[PaintedResult] = BoundedQueue(2)
        self._task_guard = Guard(log, report, "live", "page: a picture could not be painted")
        self._painter = GuardedThread(
            "live painter",
            self._run_painter,
            Guard(log, report, "live", "page: painting failed"),
            self._end_painting,
        )
        self._encoder = GuardedThread(
            "live encoder",
            self._run_encoder,
            Guard(log, report, "live", "page: pictures cannot be encoded"),
            self._end_encoding,
        )

    @property
    def painter(self) -> LivePainter:
        """The model; only after `start`."""
        assert self._model is not None
        return self._model

    def start(self, painting: Painting, size: tuple[int, int]) -> None:
        """Load the model and paint one picture: seconds. Raises the error if either fails."""
        self._first = (painting, size)
        self._painter.start()
        while not self._is_open.wait(WAKE_S):
            pass  # on Windows a wait without a timeout would ignore Ctrl-C
        if self._error is not None:
            raise self._error
        self._encoder.start()

    def close(self) -> None:
        """Wait for the current picture, but not for a model that is loading. Idempotent; safe
        without `start`."""
        self._queue.end()
        if not self._is_open.is_set():
            return  # loading cannot be interrupted; its thread ends afterwards, or with the process
        for thread in (self._painter, self._encoder):
            while not thread.join(WAKE_S):
                pass

    def _stop_painting(self, line: str) -> None:
        self.fault = self.fault or line
        self._queue.end()

    # -- painter thread -------------------------------------------------------------------------

    def _run_painter(self) -> None:
        try:
            self._model = self._open_painter()
            self._model.warm_up(*self._first)
        except MultiverseError as error:  # raised by `start`
            self._error = error
            self._is_open.set()
            return
        self._is_open.set()
        try:
            while not self.fault and (task := self._queue.take(time.perf_counter)) is not None:
                self._paint(self._model, task)
            self._model.close()
        except QueueAborted:
            pass  # the encoder has failed and has reported why
        finally:
            self._painted.end()

    def _end_painting(self, error: Exception) -> None:
        if not self._is_open.is_set():
            self._error = error
            self._is_open.set()
            return
        self._stop_painting(f"painting failed: {type(error).__name__}: {error}")

    def _paint(self, model: LivePainter, task: PaintTask) -> None:
        """Paint one picture. A picture that fails for one client must not stop those of the
        others."""

        def give_up(error: Exception) -> None:
            self._give_up(
                task, error, f"internal error of the server: {type(error).__name__}: {error}"
            )

        painted = self._task_guard.attempt(partial(self._try_to_paint, model, task), give_up)
        if painted is not None:
            self._painted.put(painted)

    def _try_to_paint(self, model: LivePainter, task: PaintTask) -> PaintedResult | None:
        """The painted picture; None after a known kind of failure, which has been reported to its
        client."""
        began_s = time.perf_counter()
        size = painted_size(task.frame.width, task.frame.height, task.settings.side_px)
        try:
            pixels, notes = model.paint(decode(task.frame), task.settings.painting, size)
        except DeviceLostError as error:
            self._report("live", f"page: {error}")
            self._stop_painting(str(error))
            task.client.lose(task, str(error))
            return None
        except MultiverseError as error:
            self._give_up(task, error, str(error))
            return None
        painted_ms = (time.perf_counter() - began_s) * 1000.0
        waited_ms = (began_s - task.arrived_s) * 1000.0
        self._queue.finish(task, waited_ms=waited_ms, painted_ms=painted_ms)
        for note in notes:
            task.client.note(note)
        return PaintedResult(task=task, pixels=pixels, waited_ms=waited_ms, painted_ms=painted_ms)

    def _give_up(self, task: PaintTask, error: Exception, reason: str) -> None:
        rest_s = FULL_REST_S if isinstance(error, DeviceFullError) else REST_S
        self._queue.fail(task, until_s=time.perf_counter() + rest_s)
        task.client.lose(task, reason)

    # -- encoder thread -------------------------------------------------------------------------

    def _run_encoder(self) -> None:
        for painted in self._painted.items():
            task = painted.task
            jpeg = encode(painted.pixels)
            height, width = painted.pixels.shape[:2]
            answer = replace(
                task.frame, width=width, height=height, jpeg=jpeg, settings=task.number
            )
            answer = replace(answer, waited_ms=painted.waited_ms, painted_ms=painted.painted_ms)
            task.client.deliver(task, pack(answer))

    def _end_encoding(self, error: Exception) -> None:
        self._stop_painting(f"pictures cannot be encoded: {type(error).__name__}: {error}")
        self._painted.abort()
