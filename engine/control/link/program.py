"""The process that joins the Link session: reports its beat on stdout, takes orders from stdin, and
ends with it.

Ableton Link's library is under the GNU General Public License 2 or later (or a licence from
Ableton). It is loaded in this process only, which talks to the engine in lines of text and is
useful alone:

    python -c "from engine.control.link.program import main; main(120.0)"

Link's own clock runs up to 0.05 % apart from `time.perf_counter`. So each report reads both
together: of several readings the shortest, which bounds the error to half its time, usually a
microsecond. With start/stop sync, beat 0 is set where the session started to play, often a little
before that is known; Link moves it to the session's next "one".
"""

import importlib
import sys
import threading
import time
from collections import deque
from typing import Any, Final

from engine.control.link.messages import (
    MAX_LINE_BYTES,
    MISSING,
    Order,
    SessionReport,
    line_of,
    message_of,
)

REPORT_INTERVAL_S: Final = 0.04  # a report stays true until somebody changes the tempo
CLOCK_READINGS: Final = 5


def main(bpm: float, beats_a_bar: int = 4, start_stop_sync: bool = False) -> None:
    """Join the session, with `bpm` if nobody else is in it."""
    try:
        link = importlib.import_module("link").Link(bpm)
    except (ImportError, AttributeError):  # not installed, or another package of that name
        sys.stdout.buffer.write(MISSING)
        sys.stdout.buffer.flush()
        return
    link.enabled = True
    orders = deque(
        [Order(bpm=None, beats_a_bar=beats_a_bar, start_stop_sync=start_stop_sync, order=0)]
    )
    has_ended = threading.Event()
    threading.Thread(target=_read_orders, args=(orders, has_ended), daemon=True).start()
    session = _Session(link)
    while not has_ended.is_set():
        while orders:
            session.carry_out(orders.popleft())
        try:
            sys.stdout.buffer.write(line_of(session.report()))
            sys.stdout.buffer.flush()
        except OSError:  # the engine has ended
            break
        has_ended.wait(REPORT_INTERVAL_S)
    link.enabled = False  # leaves the session


class _Session:
    def __init__(self, link: Any) -> None:
        self._link = link
        self._quantum = 4.0
        self._count = 0
        self._order = 0
        self._started: int | None = None
        """Link's time of the start from which beats are counted."""

    def carry_out(self, order: Order) -> None:
        self._order = order.order
        self._link.startStopSyncEnabled = order.start_stop_sync
        if order.beats_a_bar != self._quantum:
            self._quantum = float(order.beats_a_bar)
            self._count = self._count + 1
            self._started = None
        if order.bpm is not None:
            state = self._link.captureAppSessionState()
            state.setTempo(order.bpm, self._link.clock().micros())
            self._link.commitAppSessionState(state)

    def report(self) -> SessionReport:
        at_s, micros = _read_clocks(self._link.clock())
        state = self._link.captureAppSessionState()
        is_playing = True
        if self._link.startStopSyncEnabled:
            starts = state.timeForIsPlaying() if state.isPlaying() else None
            if starts is not None and starts != self._started:
                state.requestBeatAtStartPlayingTime(0.0, self._quantum)
                self._link.commitAppSessionState(state)
                self._count += 1
            self._started = starts
            is_playing = starts is not None and starts <= micros
        return SessionReport(
            at_s=at_s,
            beat=state.beatAtTime(micros, self._quantum),
            bpm=state.tempo(),
            is_playing=is_playing,
            count=self._count,
            peers=self._link.numPeers(),
            order=self._order,
        )


def _read_clocks(clock: Any) -> tuple[float, int]:
    """The same moment on `time.perf_counter`, in seconds, and on Link's clock, in microseconds."""
    readings = []
    for _ in range(CLOCK_READINGS):
        before_s = time.perf_counter()
        micros = clock.micros()
        after_s = time.perf_counter()
        readings.append((after_s - before_s, (before_s + after_s) / 2, micros))
    _, at_s, micros = min(readings)
    return at_s, micros


def _read_orders(orders: deque[Order], has_ended: threading.Event) -> None:
    while line := sys.stdin.buffer.readline(MAX_LINE_BYTES):
        order = message_of(line, Order)
        if order is not None:
            orders.append(order)
    has_ended.set()
