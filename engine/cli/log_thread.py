"""Writes log lines on a separate thread, so that a blocked terminal never stops the picture.

A full pipe, Ctrl-S, or a mouse selection in a Windows console block a write to stderr for ever. So logging only queues
the line; when the queue is full, lines are dropped and counted.
"""

import logging
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener
from types import TracebackType
from typing import Self

from engine.system.plain_text import LineFormatter, one_line

KEPT_LINES = 1000
MAX_END_S = 1.0

Write = Callable[[str], None]


def write_to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class LogThread(QueueHandler):
    """A log handler; as a context manager it replaces the root logger's handlers."""

    def __init__(self, write: Write = write_to_stderr) -> None:
        super().__init__(queue.Queue(KEPT_LINES))
        self.setFormatter(LineFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        self.lost = 0
        self.write = write
        """Called with each line, on the log thread; may block. Can be replaced at any time."""
        self._listener = _LineWriter(self)

    def prepare(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except (TypeError, ValueError, LookupError, AttributeError) as error:  # must not stop the logging thread
            return one_line(f"{record.msg} ({error})")

    def enqueue(self, line: object) -> None:
        """Never blocks."""
        try:
            self.queue.put_nowait(line)
        except queue.Full:
            self.lost += 1

    def say(self, line: str) -> None:
        """Queue a line without formatting. Never blocks."""
        self.enqueue(line)

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._before = root.handlers[:]
        root.handlers[:] = [self]
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger().handlers[:] = self._before
        ending = threading.Thread(
            target=self._listener.stop, name="log end", daemon=True
        )  # a blocked terminal stays so
        ending.start()
        ending.join(MAX_END_S)


class _LineWriter(QueueListener):
    """The log thread."""

    def __init__(self, handler: LogThread) -> None:
        super().__init__(handler.queue)
        self._handler = handler
        self._reported = 0

    def handle(self, line: object) -> None:
        log = self._handler
        try:
            if log.lost > self._reported:
                log.write(f"({log.lost - self._reported} lines were lost here)")
                self._reported = log.lost
            log.write(str(line))
        except OSError:  # a closed pipe or a full disk, which may recover
            log.lost += 1

    def enqueue_sentinel(self) -> None:
        with suppress(queue.Full):  # the terminal is blocked: the queued lines are lost
            super().enqueue_sentinel()
