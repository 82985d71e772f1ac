"""Two threads between the clients and the model: one decodes and paints, one turn at a time, one encodes.

Encoding hides behind the next picture's painting; decoding does not, since it is a millisecond and a picture that was
decoded ahead would be an older one.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine.errors import DeviceFullError, MultiverseError
from engine.jobs.video.live.controls import painted_size
from engine.jobs.video.live.easel import DeviceLostError, Easel
from engine.jobs.video.live.jpeg import decode, encode
from engine.jobs.video.live.protocol import pack
from engine.jobs.video.live.turns import Turn, Turns
from engine.models.sd.painting import Painting
from engine.system.bounded_queue import WAKE_S, BoundedQueue, QueueAborted

log = logging.getLogger(__name__)

REST_S = 1.0  # after a picture that could not be painted: the next of that client most likely cannot either
FULL_REST_S = 10.0  # where the device was full: each try costs the others the painters that are kept for them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painted:
    turn: Turn
    pixels: np.ndarray
    """(height, width, 3) uint8 RGB."""
    waited_ms: float
    painted_ms: float


class Studio:
    """Works from `start` to `close`."""

    def __init__(self, turns: Turns, open_easel: Callable[[], Easel], report: Callable[[str, str], None]) -> None:
        """`open_easel` is called on the painter's thread, which has the model for itself."""
        self.fault = ""
        """Why nothing is painted any more; empty while something is."""
        self._turns = turns
        self._open_easel = open_easel
        self._report = report
        self._easel: Easel | None = None
        self._error: BaseException | None = None
        self._is_open = threading.Event()
        self._painted: BoundedQueue[Painted] = BoundedQueue(2)
        self._painter = threading.Thread(target=self._paint, name="live painter", daemon=True)
        self._encoder = threading.Thread(target=self._encode, name="live encoder", daemon=True)

    @property
    def easel(self) -> Easel:
        assert self._easel is not None
        return self._easel

    def start(self, painting: Painting, size: tuple[int, int]) -> None:
        """Returns when the model is loaded and has painted once: seconds. Raises what kept it from that."""
        self._first = (painting, size)
        self._painter.start()
        while not self._is_open.wait(WAKE_S):
            pass  # on Windows a bare wait would sleep through Ctrl-C
        if self._error is not None:
            raise self._error
        self._encoder.start()

    def close(self) -> None:
        """Returns when the picture in hand is painted; a model that is being loaded is not waited for. Safe to call
        twice, and without `start`."""
        self._turns.end()
        if not self._is_open.is_set():
            return  # loading cannot be broken off; its thread ends after it, or with the process
        for thread in (self._painter, self._encoder):
            while thread.is_alive():
                thread.join(WAKE_S)

    def _fail(self, line: str) -> None:
        """Nothing is painted any more."""
        self.fault = self.fault or line
        self._report("live", f"page: {line}")
        self._turns.end()

    # -- the painter's thread -------------------------------------------------------------------

    def _paint(self) -> None:
        try:
            self._easel = self._open_easel()
            self._easel.warm_up(*self._first)
        except Exception as error:  # top of the thread: raised by `start`
            self._error = error
            return
        finally:
            self._is_open.set()
        try:
            self._paint_turns(self._easel)
            self._easel.close()
        except QueueAborted:
            pass  # the encoder has said why
        except Exception as error:  # top of the thread: it is the only one that paints
            log.error("nothing can be painted any more", exc_info=error)
            self._fail(f"painting has failed: {error!r}")
        finally:
            self._painted.end()

    def _paint_turns(self, easel: Easel) -> None:
        while not self.fault and (turn := self._turns.take(time.perf_counter)) is not None:
            try:
                self._paint_one(easel, turn)
            except QueueAborted:
                raise
            except DeviceLostError as error:
                self._fail(str(error))
                turn.seat.lose(turn, str(error))
            except Exception as error:
                # Top of the thread's loop: what fails for one client must not end the others' pictures.
                self._give_up(turn, error)

    def _give_up(self, turn: Turn, error: Exception) -> None:
        is_known = isinstance(error, MultiverseError)
        if not is_known:
            log.error("a picture could not be painted", exc_info=error)
        rest_s = FULL_REST_S if isinstance(error, DeviceFullError) else REST_S
        self._turns.fail(turn, until_s=time.perf_counter() + rest_s)
        turn.seat.lose(turn, str(error) if is_known else f"a fault of the server: {error!r}")

    def _paint_one(self, easel: Easel, turn: Turn) -> None:
        began_s = time.perf_counter()
        size = painted_size(turn.frame.width, turn.frame.height, turn.settings.side_px)
        pixels, notes = easel.paint(decode(turn.frame), turn.settings.painting, size)
        painted_ms = (time.perf_counter() - began_s) * 1000.0
        waited_ms = (began_s - turn.arrived_s) * 1000.0
        self._turns.finish(turn, waited_ms=waited_ms, painted_ms=painted_ms)
        for note in notes:
            turn.seat.note(note)
        self._painted.put(Painted(turn=turn, pixels=pixels, waited_ms=waited_ms, painted_ms=painted_ms))

    # -- the encoder's thread -------------------------------------------------------------------

    def _encode(self) -> None:
        try:
            for painted in self._painted.items():
                self._encode_one(painted)
        except Exception as error:  # top of the thread: nothing that is painted would be seen any more
            log.error("pictures cannot be encoded", exc_info=error)
            self._fail(f"pictures cannot be encoded: {error!r}")
            self._painted.abort()

    def _encode_one(self, painted: Painted) -> None:
        turn = painted.turn
        height, width = painted.pixels.shape[:2]
        answer = replace(
            turn.frame,
            width=width,
            height=height,
            jpeg=encode(painted.pixels),
            waited_ms=painted.waited_ms,
            painted_ms=painted.painted_ms,
            settings=turn.number,
        )
        turn.seat.deliver(turn, pack(answer))
