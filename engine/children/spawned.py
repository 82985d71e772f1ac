"""Children on macOS, Windows and kernels without pidfd: each runs in a new interpreter."""

import socket
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import IO

from engine.system.python_process import exit_reason, start_python


class SpawnedProcess:
    """A started interpreter. Used on one thread."""

    def __init__(self, pipe: Connection, stderr: IO[bytes], environment: Mapping[str, str], niceness: int) -> None:
        """`pipe` is the child's end. The child gets copies of it and of `stderr`; ours stay open. OSError if it cannot
        start.

        `niceness`: set at the start on Windows; elsewhere the child sets its own.
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
    def events(self) -> socket.socket | None:
        """None: its pipe closes when it exits."""
        return None

    def has_ended(self, now_s: float) -> bool:
        """True when the process is gone. Never waits."""
        return self._popen.poll() is not None

    @property
    def exit_reason(self) -> str:
        return exit_reason(self._popen.returncode)

    def kill(self) -> None:
        self._popen.kill()

    def close(self) -> None:
        """Do nothing: `has_ended` has reaped it."""
