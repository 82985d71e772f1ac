"""Threads whose errors are logged with a traceback and reported, without ending the show.

Unhandled, an error of a driver, disk or library ends its thread silently; caught in a loop, the
same traceback fills the log 60 times per second. So a `Guard` logs the traceback of each distinct
fault once, counts repetitions, and reports each error in one line (`Warnings.report` throttles
those).
"""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from engine.errors import in_one_line
from engine.system.reporting import Report

MAX_TRACEBACKS = 20  # distinct faults per guard; a person reads the log

Result = TypeVar("Result")


class Guard:
    """Runs steps whose errors are logged and reported instead of ending the thread. One guard
    belongs to one thread; `failures` is read from any."""

    def __init__(self, log: logging.Logger, report: Report, key: str, what: str) -> None:
        """`key` is the cause in the warning counts; `what` begins the line, as in "audio: analysis
        failed"."""
        self.failures = 0
        self._log = log
        self._report = report
        self._key = key
        self._what = what
        self._logged_faults: set[tuple[object, ...]] = set()

    def attempt(
        self, step: Callable[[], Result], on_failure: Callable[[Exception], object] | None = None
    ) -> Result | None:
        """Return the step's result, or None after an error, which is logged and reported. Does not
        catch BaseException. `on_failure(error)` is called after the report."""
        try:
            return step()
        except Exception as error:  # the top of a thread: the next step may work
            self._caught(error)
            if on_failure is not None:
                on_failure(error)
            return None

    def _caught(self, error: Exception) -> None:
        """Log and report an error. Inside the `except` block."""
        self.failures += 1
        fault = (type(error), *raise_location(error))
        if fault not in self._logged_faults and len(self._logged_faults) < MAX_TRACEBACKS:
            self._logged_faults.add(fault)
            self._log.error("%s; repetitions are only counted", self._what, exc_info=error)
        self._report(self._key, f"{self._what}: {in_one_line(error)}")


class GuardedThread:
    """A daemon thread: `run` is called once, its error is logged and reported, then `on_failure` is
    called."""

    def __init__(
        self,
        name: str,
        run: Callable[[], object],
        guard: Guard,
        on_failure: Callable[[Exception], object] | None = None,
    ) -> None:
        """`on_failure(error)` is called on the thread, after the report."""
        self._run = run
        self._guard = guard
        self._on_failure = on_failure
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_started(self) -> bool:
        return self._thread.ident is not None

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; False if it is still running after `timeout_s`. Safe before
        `start`."""
        if self.is_started:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _main(self) -> None:
        self._guard.attempt(self._run, self._on_failure)


def raise_location(error: BaseException) -> tuple[str, int]:
    """File and line where the error was raised."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return (frame.tb_frame.f_code.co_filename, frame.tb_lineno) if frame is not None else ("", 0)
