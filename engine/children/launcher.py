"""How a child process comes into the world, and how one knows that it is gone.

Linux forks it from a server that has the heavy modules imported (`forked`); macOS, Windows and kernels without pidfd
start an interpreter for each (`spawned`). The environment is the child's own from its start; the engine's, which
other threads read meanwhile, stays as it is.

A child is alive as long as its own process is: a pidfd, or the handle of a process that we started. The fork server's
death is neither taken for the child's nor does it hinder the next start: another server is made.
"""

import os
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import IO, Final, Protocol

from engine.children.forked import ForkedProcess, ForkServer
from engine.children.spawned import SpawnedProcess
from engine.errors import ChildError
from engine.ipc.control_pipe import open_pipe

CAN_FORK: Final = sys.platform == "linux" and hasattr(os, "pidfd_open")


class ChildProcess(Protocol):
    """A started process. Used by one thread; nothing waits."""

    @property
    def pid(self) -> int:
        """0 while it is not born yet."""

    @property
    def news(self) -> socket.socket | None:
        """Readable when it is born or gone: for `multiprocessing.connection.wait`."""

    def has_ended(self, now_s: float) -> bool: ...

    @property
    def exit_reason(self) -> str:
        """How it ended, by name; once it has."""

    def kill(self) -> None: ...

    def close(self) -> None:
        """Let go of the handles of one that has ended."""


class Launcher:
    """Starts children, all of a process's from one fork server. Any thread."""

    def __init__(self, *, is_forking: bool = CAN_FORK) -> None:
        self._is_forking = is_forking
        self._lock = threading.Lock()
        self._users = 0
        self._modules: dict[str, None] = {}
        self._environment: dict[str, str] = {}
        self._server: ForkServer | None = None

    def join(self, modules: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Somebody will launch children who want these. What is known when the server starts is what it has."""
        with self._lock:
            self._users += 1
            self._modules |= dict.fromkeys(modules)
            self._environment |= environment

    def leave(self) -> None:
        """Somebody who joined launches no more. With the last the server ends."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._end_server()
                self._modules.clear()
                self._environment.clear()

    def launch(
        self, stderr: IO[bytes], environment: Mapping[str, str], niceness: int = 0
    ) -> tuple[ChildProcess, Connection]:
        """A new process that runs `child_main`, and our end of its pipe. ChildError: none to be had."""
        try:
            with ExitStack() as undo:
                ours, theirs = open_pipe()
                undo.enter_context(ours)
                with theirs:
                    process: ChildProcess = (
                        ForkedProcess(self._request, theirs.fileno(), stderr.fileno())
                        if self._is_forking
                        else SpawnedProcess(theirs, stderr, environment, niceness)
                    )
                undo.pop_all()
                return process, ours
        except OSError as error:
            raise ChildError(f"no child process can be started: {error.strerror or error}") from error

    def renew(self) -> None:
        """The server hangs: the next launch makes another. Children go on, and those not born are asked for again."""
        with self._lock:
            self._end_server()

    @property
    def server_pid(self) -> int:
        """0 while there is none."""
        return self._server.pid if self._server else 0

    def _request(self, descriptors: list[int]) -> None:
        with self._lock:
            for _ in range(2):  # one that died since it was last used is replaced
                if self._server is None:
                    self._server = ForkServer(tuple(self._modules), self._environment)
                if self._server.request(descriptors):
                    return
                said = self._end_server()
        raise ChildError(f"no child process can be started: the fork server ended: {said}")

    def _end_server(self) -> str:
        server, self._server = self._server, None
        return server.kill() if server else ""


LAUNCHER: Final = Launcher()
"""The process's own: two engines in it share the server and its modules."""
