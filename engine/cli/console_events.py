"""Handles Ctrl-C, Ctrl-Break, a closing console window, `taskkill` and the end of the session on
Windows.

Python's handler only sets a flag for the main thread, which may wait for a lock or join a thread
(CPython #125541, #139689). Windows ends the process as soon as the handler of a closing window
returns, even in the middle of a recording, and after 5 s in any case (microsoft/terminal,
doc/ConsoleCtrlEvent.md). So our own handler is called before Python's. The first event stops the
command, a second Ctrl-C ends the process from the handler's thread. When the window closes, the
handler blocks until the process has ended with complete files, at most `MAX_HOLD_S`; until then no
handler can be added or removed: Windows would wait for this one.

At logoff and shutdown, Windows sends no console event to a program that has loaded user32.dll,
which OpenGL does, but messages to its windows; so does `taskkill`. A hidden window on a thread of
its own gets them for a run.

One case remains. Consoles built from December 2022 to November 2024 notify the oldest program
first, by mistake (microsoft/terminal #18233): the launcher that started this one (`multiverse.exe`,
a venv's `python.exe`) ends, and with it this process, before an event arrives.

On other systems this module does nothing; signals are used there.
"""

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, NoReturn

from engine.system import win32

MAX_HOLD_S: Final = (
    4.5  # Windows allows 5 s; the engine needs no longer to close (engine/system/closing.py)
)
FORCE_QUIT_AFTER_S: Final = 1.0  # a held key repeats faster; a person presses again later
# STATUS_CONTROL_C_EXIT, as the C int that os._exit takes
CONTROL_C_EXIT: Final = 0xC000013A - 2**32
REFUSED: Final = "console: %s will end this program at once and leave files incomplete (%s)"

log = logging.getLogger(__name__)


def interrupt() -> None:
    """Raise KeyboardInterrupt in the main thread. Any thread.

    `_thread.interrupt_main` would not do: on Windows only a real signal wakes a `time.sleep`
    (CPython #157662)."""
    signal.raise_signal(signal.SIGINT)


class ConsoleEvents:
    """The console events of this process; there is one instance, `console`."""

    def __init__(
        self,
        *,
        now_s: Callable[[], float] = time.perf_counter,
        hold: Callable[[float], None] = time.sleep,
        force_quit: Callable[[int], NoReturn] = os._exit,
    ) -> None:
        self._now_s = now_s
        self._hold = hold
        self._force_quit = force_quit
        self._stop = interrupt
        self._first_s: float | None = None
        self._is_closing = False
        self._has_window = False

    def listen(self) -> None:
        """Handle events from now on: the first raises KeyboardInterrupt in the main thread."""
        self._stop = interrupt
        self._first_s = None
        self._add_handler()

    def connect(self, stop: Callable[[], None]) -> None:
        """From now on the first event calls `stop`, on a thread of its own.

        The handler is added again, so that it runs before handlers that libraries have added since:
        Intel's Fortran runtime has one that aborts ("Default Console Event Handling" in its
        guide)."""
        if stop != self._stop:
            self._stop = stop
            self._first_s = None
        self._add_handler()
        if sys.platform == "win32" and not self._has_window:
            self._has_window = True
            threading.Thread(target=self._serve_window, name="close window", daemon=True).start()

    def _serve_window(self) -> None:
        try:
            win32.serve_close_window(self._on_event)
        except OSError as error:
            log.warning(REFUSED, "logging off", error)

    def _add_handler(self) -> None:
        if sys.platform != "win32" or self._is_closing:  # adding would deadlock while Windows waits
            return
        try:
            remove = win32.add_console_handler(self._on_event)
        except (OSError, AttributeError) as error:  # refused, or the function does not exist
            log.warning(REFUSED, "closing the window", error)
        else:
            atexit.register(self._end, remove)

    def _end(self, remove: Callable[[], None]) -> None:
        if not self._is_closing:  # removing would deadlock while Windows waits
            remove()

    def _on_event(self, event: int) -> bool:
        is_key = event in (win32.CTRL_C, win32.CTRL_BREAK)
        is_ending = not is_key and event != win32.CLOSE_REQUEST
        self._is_closing = self._is_closing or is_ending
        if self._first_s is None:
            self._first_s = self._now_s()
            self._stop()
        elif is_key and self._now_s() - self._first_s > FORCE_QUIT_AFTER_S:
            self._force_quit(CONTROL_C_EXIT)
        if is_ending:
            self._hold(MAX_HOLD_S)  # the process ends meanwhile, and with it this thread
        return True


console: Final = ConsoleEvents()
