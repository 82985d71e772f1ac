"""A benchmark's client in a separate process, controlled by lines on its standard input and output."""

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from engine.system.python_process import utf8_environment


class ClientProgram:
    """Runs a Python file by path, so that it does not import the engine. Use it as a context manager.

    A thread reads its output, because a pipe cannot be polled on Windows.
    """

    def __init__(self, file: Path, order: dict[str, Any]) -> None:
        """`order`: its first line of input, as JSON."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(file)],
            env={**os.environ, **utf8_environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input: IO[str] = self._process.stdin
        self._output: IO[str] = self._process.stdout
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="client program", daemon=True)
        self._reader.start()
        self.send(json.dumps(order))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Close its input, which makes it exit, and wait for that."""
        with suppress(OSError):  # it has exited already
            self.close_input()
        self._process.wait()
        self._reader.join()
        self._output.close()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, line: str) -> None:
        self._input.write(f"{line}\n")
        self._input.flush()

    def close_input(self) -> None:
        """Tell it to exit."""
        self._input.close()

    def take(self) -> str | None:
        """The next line of output; "" after its end, None if there is none yet."""
        try:
            return self._lines.get_nowait()
        except queue.Empty:
            return None

    def read(self) -> str:
        """Wait for the next line of output; "" after its end."""
        return self._lines.get()

    def _read(self) -> None:
        for line in self._output:
            self._lines.put(line)
        self._lines.put("")
