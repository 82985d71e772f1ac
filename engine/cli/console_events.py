"""Ctrl-C, Ctrl-Break and the closing of the console's window on Windows, handled on a thread that Windows makes.

The naive way is Python's: its handler only notes that Ctrl-C was pressed, and `signal.signal`'s handler runs when the
main thread executes Python again. A main thread that waits for a lock does not before Python 3.14 (CPython #125541),
and one that waits for a thread's end not even there (#139689): then a second Ctrl-C does nothing either. A closing
window is worse. Windows ends the process as soon as the handler returns (`HandlerRoutine` in the documents of the
console), which Python's does at once, in the middle of a recording; and 5 s after the event in any case (microsoft/
terminal, doc/ConsoleCtrlEvent.md).

So a handler of our own is called before Python's. The first event stops the command. A second Ctrl-C ends the process
from the handler's own thread. When the window closes, the handler stays until the process has ended by itself, with
its files whole, at most `MAX_HOLD_S`. Until then no handler can be added or removed: Windows would wait for this one.

Two ends it cannot soften. When a user logs off or shuts down, Windows tells only programs that have not loaded
user32.dll, which OpenGL does: then nothing is heard, and files are left as by a loss of power. And the programs of a
console are told newest first, so this one before the launcher that started it (`multiverse.exe`, `python.exe` of a
venv), with which Windows ends it (the job in PC/launcher.c of CPython). But consoles that Microsoft built from December
2022 to November 2024 tell the oldest first, by mistake (microsoft/terminal #18233): then nothing is heard either.

On other systems nothing here does anything: signals do it there.
"""

import atexit
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Final, NoReturn

MAX_HOLD_S: Final = 4.5  # of the 5 s that Windows gives; the engine's end takes no longer (engine/system/closing.py)
FORCE_QUIT_AFTER_S: Final = 1.0  # a held key repeats sooner; a second press by a person comes later
CONTROL_C_EXIT: Final = 0xC000013A - 2**32  # STATUS_CONTROL_C_EXIT, as the C int that os._exit takes

log = logging.getLogger(__name__)


def interrupt() -> None:
    """Raise KeyboardInterrupt in the main thread. Any thread.

    Not by `_thread.interrupt_main`: on Windows only a real signal wakes a `time.sleep` (CPython #157662).
    """
    signal.raise_signal(signal.SIGINT)


class ConsoleEvents:
    """The console's events of this process; used through `console`."""

    def __init__(
        self,
        *,
        now_s: Callable[[], float] = time.perf_counter,
        hold: Callable[[float], None] = time.sleep,
        force_quit: Callable[[int], NoReturn] = os._exit,
    ) -> None:
        self._now_s, self._hold, self._force_quit = now_s, hold, force_quit
        self._stop = interrupt
        self._first_s: float | None = None
        self._is_held = False

    def listen(self) -> None:
        """Handle events from now on: the first raises KeyboardInterrupt in the main thread."""
        self._stop, self._first_s = interrupt, None
        self._add_handler()

    def connect(self, stop: Callable[[], None]) -> None:
        """From now on the first event calls `stop`, on a thread made by Windows.

        The handler is added again, to be called before those that libraries have added since: Intel's Fortran runtime
        has one that aborts ("Default Console Event Handling" in its guide).
        """
        if stop != self._stop:
            self._stop, self._first_s = stop, None
        self._add_handler()

    def _add_handler(self) -> None:
        if sys.platform != "win32" or self._is_held:  # else it would wait for the one that waits for this thread's end
            return
        from engine.system import win32

        try:
            remove = win32.add_console_handler(self._on_event)
        except (OSError, AttributeError) as error:  # refused, or no such function
            log.warning("console: a window that is closed ends this program at once, in mid-file (%s)", error)
        else:
            atexit.register(self._end, remove)

    def _end(self, remove: Callable[[], None]) -> None:
        if not self._is_held:  # else no event reaches Python any more: that one holds Windows' lock
            remove()

    def _on_event(self, event: int) -> bool:
        from engine.system import win32

        is_key = event in (win32.CTRL_C, win32.CTRL_BREAK)
        self._is_held = self._is_held or not is_key
        if self._first_s is None:
            self._first_s = self._now_s()
            self._stop()
        elif is_key and self._now_s() - self._first_s > FORCE_QUIT_AFTER_S:
            self._force_quit(CONTROL_C_EXIT)
        if not is_key:
            self._hold(MAX_HOLD_S)  # the process ends meanwhile, and this thread with it
        return True


console: Final = ConsoleEvents()
