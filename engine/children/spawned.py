"""Children on macOS and Windows, and where a kernel has no pidfd: an interpreter of its own for each."""

import socket
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import IO

from engine.system.python_process import exit_reason, start_python


class SpawnedProcess:
    """A started interpreter. Used by one thread."""

    def __init__(self, pipe: Connection, stderr: IO[bytes], environment: Mapping[str, str], niceness: int) -> None:
        """`pipe` is the child's end. The child gets copies of it and of `stderr`; ours stay open. OSError: no process.

        `niceness`: set at birth on Windows; elsewhere the child sets its own.
        """
        handle = pipe.fileno()
        self._popen = start_python(
            "engine.children.child_main",
            f"main({handle})",
            stdout=stderr,
            stderr=stderr,
            handles=[handle],
            environment=environment,
            niceness=niceness,
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def news(self) -> socket.socket | None:
        """None: its end is noticed by that of its pipe."""
        return None

    def has_ended(self, now_s: float) -> bool:
        """Whether nothing of it runs any more. Never waits."""
        return self._popen.poll() is not None

    @property
    def exit_reason(self) -> str:
        return exit_reason(self._popen.returncode)

    def kill(self) -> None:
        self._popen.kill()

    def close(self) -> None:
        """Nothing: what `has_ended` has seen is reaped."""
