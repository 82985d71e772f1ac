"""Two threads between the clients and the model: one decodes and paints, one picture at a time, the other encodes.

Encoding overlaps with painting the next picture. Decoding does not: it takes a millisecond, and decoding ahead would
mean painting an older picture.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from engine.errors import DeviceFullError, DeviceLostError, MultiverseError
from engine.jobs.video.live.controls import painted_size
from engine.jobs.video.live.fair_queue import FairQueue, PaintTask
from engine.jobs.video.live.jpeg import decode, encode
from engine.jobs.video.live.live_painter import LivePainter
from engine.jobs.video.live.protocol import pack
from engine.models.sd.painting import Painting
from engine.system.bounded_queue import WAKE_S, BoundedQueue, QueueAborted
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report

log = logging.getLogger(__name__)

REST_S = 1.0  # pause for a client whose picture could not be painted: its next one will most likely fail too
FULL_REST_S = 10.0  # the same after "device full": each attempt drops the painters that are cached for other clients


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaintedResult:
    task: PaintTask
    pixels: np.ndarray
    """(height, width, 3) uint8 RGB."""
    waited_ms: float
    painted_ms: float


class PaintingThreads:
    """The painter thread and the encoder thread, from `start` to `close`."""

    def __init__(self, queue: FairQueue, open_painter: Callable[[], LivePainter], report: Report) -> None:
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
            "live painter", self._run_painter, Guard(log, report, "live", "page: painting failed"), self._end_painting
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
        """Wait for the current picture, but not for a model that is loading. Idempotent; safe without `start`."""
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
        """Paint one picture. A picture that fails for one client must not stop those of the others."""

        def give_up(error: Exception) -> None:
            self._give_up(task, error, f"internal error of the server: {type(error).__name__}: {error}")

        painted = self._task_guard.attempt(partial(self._try_to_paint, model, task), give_up)
        if painted is not None:
            self._painted.put(painted)

    def _try_to_paint(self, model: LivePainter, task: PaintTask) -> PaintedResult | None:
        """The painted picture; None after a known kind of failure, which has been reported to its client."""
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
            self._encode_one(painted)

    def _end_encoding(self, error: Exception) -> None:
        self._stop_painting(f"pictures cannot be encoded: {type(error).__name__}: {error}")
        self._painted.abort()

    def _encode_one(self, painted: PaintedResult) -> None:
        task = painted.task
        height, width = painted.pixels.shape[:2]
        answer = replace(
            task.frame,
            width=width,
            height=height,
            jpeg=encode(painted.pixels),
            waited_ms=painted.waited_ms,
            painted_ms=painted.painted_ms,
            settings=task.number,
        )
        task.client.deliver(task, pack(answer))
