"""Ends a command at Ctrl-C and other signals.

Python's handlers run on the main thread only, between two of its steps. While that thread stands in
a driver or a disk, they do not run at all. So a second thread receives the signals, too: Python
writes the number of each into a socket at once (`signal.set_wakeup_fd`).
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import Final

from engine.cli.console_events import FORCE_QUIT_AFTER_S, console

HANDLED_WITHIN_S: Final = (
    0.5  # the main thread's handler has run by then, unless that thread stands
)


class Signals:
    """The first signal ends the run with every file complete; another, at least a second later,
    kills it.

    A closing terminal sends several at once. On Windows, console events do the same
    (console_events.py)."""

    def __init__(self) -> None:
        """Handle signals from now on, even while the engine is being opened."""
        self._first_s: float | None = None
        self._stop: Callable[[], None] | None = None
        console.connect(self._end_run)
        if sys.platform != "win32":
            _signal_thread().signals = self
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            number = getattr(signal, name, None)
            # nohup stays in effect
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._end)

    def connect(self, stop: Callable[[], None]) -> None:
        """Call `stop` at the first signal, at once if it has already come. On any thread."""
        self._stop = stop
        console.connect(self._end_run)
        if self._first_s is not None:
            stop()

    def handle_elsewhere(self, signal_number: int) -> None:
        """Handle a signal on another thread than the main one. Idempotent with `_end`."""
        if signal.getsignal(signal_number) != self._end:
            return
        first_s = self._first_s
        self._end_run()
        if _is_later(first_s):
            time.sleep(HANDLED_WITHIN_S)
            os.kill(os.getpid(), signal.SIGKILL)

    def _end_run(self) -> None:
        """Any thread. Either `connect` sees the time set here, or this sees the connected
        `stop`."""
        if self._first_s is None:
            self._first_s = time.perf_counter()
        if self._stop is not None:
            self._stop()

    def _end(self, signal_number: int, stack_frame: FrameType | None) -> None:
        first_s = self._first_s
        self._end_run()
        if _is_later(first_s):
            signal.signal(signal_number, signal.SIG_DFL)
            signal.raise_signal(signal_number)


def _is_later(first_s: float | None) -> bool:
    return first_s is not None and time.perf_counter() - first_s > FORCE_QUIT_AFTER_S


class _SignalThread:
    """The thread that receives signals; there is one per process."""

    def __init__(self) -> None:
        self.signals: Signals | None = None
        reader, writer = socket.socketpair()
        self._reader = reader
        self._writer = writer
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._run, name="signals", daemon=True).start()

    def _run(self) -> None:
        while numbers := self._reader.recv(64):
            for number in numbers:
                if self.signals is not None:
                    self.signals.handle_elsewhere(number)


@cache
def _signal_thread() -> _SignalThread:
    return _SignalThread()
