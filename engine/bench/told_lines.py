"""What another program writes, line by line."""

import queue
import threading
from typing import IO


class ToldLines:
    """Read by a thread of its own: Windows cannot look whether a pipe has something to read.

    Close the other program's input, so that it ends, before its output: the thread reads until then.
    """

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="told lines", daemon=True).start()

    def _read(self) -> None:
        for line in self._output:
            self._lines.put(line)
        self._lines.put("")

    def take(self) -> str | None:
        """The next line, "" when the program has ended; None: there is none yet."""
        try:
            return self._lines.get_nowait()
        except queue.Empty:
            return None

    def read(self) -> str:
        """The same; waits for it."""
        return self._lines.get()
