"""The process that joins the Link session: reports its beat on stdout, takes tempo orders from stdin.

Ableton Link's library is under the GNU General Public License 2 or later (or a licence from Ableton). It is loaded in
this process only, which talks to the engine in lines of text and is useful alone:

    python -c "from engine.link.program import main; main(120.0)"

It ends when stdin closes, so it never outlives the engine.

Link counts microseconds of a clock of its own (on Linux CLOCK_MONOTONIC_RAW, which runs up to 0.05 % apart from the one
of `time.perf_counter`). So each report reads both clocks together: of several readings the one that took the shortest
time, which bounds the error to half of that, usually a microsecond.
"""

import importlib
import sys
import threading
import time
from collections import deque
from typing import Any, Final

from engine.link.messages import MAX_LINE_BYTES, MISSING, SessionReport, TempoOrder, line_of, order_of

REPORT_INTERVAL_S: Final = 0.04  # a report stays true until somebody changes the tempo
QUANTUM_BEATS: Final = 4.0  # programs in a session agree on the phase of a bar of this length
CLOCK_READINGS: Final = 5


def main(bpm: float) -> None:
    """Join the session, with `bpm` if nobody else is in it."""
    try:
        link = importlib.import_module("link").Link(bpm)
    except (ImportError, AttributeError):  # not installed, or another package of that name
        sys.stdout.buffer.write(MISSING)
        sys.stdout.buffer.flush()
        return
    link.enabled = True
    orders: deque[TempoOrder] = deque()
    is_over = threading.Event()
    threading.Thread(target=_read_orders, args=(orders, is_over), daemon=True).start()
    newest = 0
    while not is_over.is_set():
        while orders:
            order = orders.popleft()
            newest = order.order
            state = link.captureAppSessionState()
            state.setTempo(order.bpm, link.clock().micros())
            link.commitAppSessionState(state)
        try:
            sys.stdout.buffer.write(line_of(_report(link, newest)))
            sys.stdout.buffer.flush()
        except OSError:  # the engine is gone
            break
        is_over.wait(REPORT_INTERVAL_S)
    link.enabled = False  # says good-bye to the others


def _report(link: Any, order: int) -> SessionReport:
    at_s, micros = _read_clocks(link.clock())
    state = link.captureAppSessionState()
    return SessionReport(
        at_s=at_s, beat=state.beatAtTime(micros, QUANTUM_BEATS), bpm=state.tempo(), peers=link.numPeers(), order=order
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


def _read_orders(orders: deque[TempoOrder], is_over: threading.Event) -> None:
    while line := sys.stdin.buffer.readline(MAX_LINE_BYTES):
        order = order_of(line)
        if order is not None:
            orders.append(order)
    is_over.set()
