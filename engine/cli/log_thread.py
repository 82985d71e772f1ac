"""Writes log lines on a separate thread, so that a blocked terminal never stops the picture.

A full pipe, Ctrl-S, or a mouse selection in a Windows console block a write to stderr for ever. So logging only queues
the line; when the queue is full, lines are dropped and counted.
"""

import logging
import queue
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from engine.system.plain_text import LineFormatter, one_line

KEPT_LINES = 1000
MAX_END_S = 1.0

Write = Callable[[str], None]


def write_to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class LogThread(logging.Handler):
    """A log handler; as a context manager it replaces the root logger's handlers."""

    def __init__(self, write: Write = write_to_stderr) -> None:
        super().__init__()
        self.setFormatter(LineFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        self.lost = 0
        self.write = write
        """Called with each line, on the log thread; may block. Can be replaced at any time."""
        self._lines: queue.Queue[str | None] = queue.Queue(KEPT_LINES)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except (TypeError, ValueError, LookupError, AttributeError) as error:  # must not stop the logging thread
            line = one_line(f"{record.msg} ({error})")
        self.say(line)

    def say(self, line: str) -> None:
        """Queue a line without formatting. Never blocks."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.lost += 1

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._before = root.handlers[:]
        root.handlers[:] = [self]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger().handlers[:] = self._before
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return  # the terminal is blocked: the queued lines are lost
        self._thread.join(MAX_END_S)

    def _run(self) -> None:
        reported = 0
        while (line := self._lines.get()) is not None:
            try:
                if self.lost > reported:
                    self.write(f"({self.lost - reported} lines were lost here)")
                    reported = self.lost
                self.write(line)
            except OSError:  # a closed pipe or a full disk, which may recover
                self.lost += 1
