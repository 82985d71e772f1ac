"""Writes log lines on a separate thread, so that a blocked terminal never stops the picture.

A full pipe, Ctrl-S, or a mouse selection in a Windows console block a write to stderr for ever. So
logging only queues the line; when the queue is full, lines are dropped and counted. A message that
repeats is written once per second: what fails in a loop, in whatever library, would fill the disk.
"""

import logging
import math
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener
from typing import Self

from engine.system.plain_text import LineFormatter

MAX_QUEUED_LINES = 1000
REPEATED_AFTER_S = 1.0
MAX_REPEATED = 200  # different messages that are remembered
MAX_END_S = 1.0

Write = Callable[[str], None]


def write_to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class LogThread(QueueHandler):
    """A log handler that writes on its own thread; as a context manager it replaces the root
    logger's handlers."""

    def __init__(self, write: Write = write_to_stderr) -> None:
        super().__init__(queue.Queue(MAX_QUEUED_LINES))
        self.setFormatter(LineFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        self.lost = 0
        self._write = write
        self._listener = _LineWriter(self)
        self._repeated: dict[str, list[float]] = {}
        """Message -> when it was written last, and how often it came since then. Under the
        handler's lock."""

    def pass_to(self, write: Write) -> None:
        """Call `write(line)` from now on, on the log thread; it may block."""
        self._write = write

    def write(self, line: str) -> None:
        """Write one line, on the log thread."""
        self._write(line)

    def handleError(self, record: logging.LogRecord) -> None:
        """Count a line that cannot be formatted; logging would print a page for each."""
        self.lost += 1

    def prepare(self, record: logging.LogRecord) -> str | None:
        """Format a record as a line; None for a line that repeats. Counts errors of foreign
        arguments (`emit`)."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            message = f"{record.msg} ({error})"
            record.msg = "%s"
            record.args = (message,)
        written_s, count = self._repeated.pop(message, (-math.inf, 0))
        if 0.0 <= record.created - written_s < REPEATED_AFTER_S:
            self._repeated[message] = [written_s, count + 1]
            return None
        if count:
            record.msg = "%s (and %d more like it)"
            record.args = (message, count)
        if len(self._repeated) >= MAX_REPEATED:
            del self._repeated[next(iter(self._repeated))]  # the oldest
        self._repeated[message] = [record.created, 0]
        return self.format(record)

    def enqueue(self, record: object) -> None:
        """Queue a line for the log thread, without blocking. None is no line."""
        try:
            if record is not None:
                self.queue.put_nowait(record)
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

    def __exit__(self, *error: object) -> None:
        logging.getLogger().handlers[:] = self._before
        # a terminal may stay blocked
        ending = threading.Thread(target=self._listener.stop, name="log end", daemon=True)
        ending.start()
        ending.join(MAX_END_S)
        # nobody may wait for that terminal now, in a last line or at the interpreter's end
        if ending.is_alive():
            logging.getLogger().handlers[:] = [self]


class _LineWriter(QueueListener):
    """The log thread."""

    def __init__(self, handler: LogThread) -> None:
        super().__init__(handler.queue)
        self._handler = handler
        self._reported = 0

    def handle(self, record: object) -> None:
        log = self._handler
        try:
            if log.lost > self._reported:
                log.write(f"({log.lost - self._reported} lines were lost here)")
                self._reported = log.lost
            log.write(str(record))
        except OSError:  # a closed pipe or a full disk, which may recover
            log.lost += 1

    def enqueue_sentinel(self) -> None:
        with suppress(queue.Full):  # the terminal is blocked: the queued lines are lost
            super().enqueue_sentinel()
