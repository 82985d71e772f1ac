"""Starts child processes and detects when they exit.

Linux forks them from a server that has imported the heavy modules (`forked`). macOS, Windows and
kernels without pidfd start an interpreter for each (`spawned`): once a child works, a spare one
imports the modules for its successor, which would take most of its start. A child gets its
environment when it starts; the engine's own, which other threads read, is not changed.

A child is watched through its own pidfd, or through the handle of the process we started. So the
fork server's death is not mistaken for the child's, and the next start creates a new server.
"""

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from typing import IO, Final

import psutil

from engine.children import stderr_file
from engine.children.forked import ForkedProcess, ForkServer
from engine.children.spec import ChildSpec
from engine.errors import ChildError
from engine.ipc.control_pipe import open_pipe
from engine.system.python_process import exit_reason, reap_later, start_python

CAN_FORK: Final = sys.platform == "linux" and hasattr(os, "pidfd_open")

SPARE_NEEDS_BYTES: Final = 4 << 30
"""Memory that must be available for a spare process. It takes half a GiB; the rest is for the
models."""


class SpawnedProcess:
    """A new interpreter, for a child on macOS, Windows and kernels without pidfd. Used on one
    thread."""

    events = None
    """Not needed: its pipe closes when it exits."""

    def __init__(
        self, pipe: Connection, stderr: IO[bytes], spec: ChildSpec, modules: tuple[str, ...] = ()
    ) -> None:
        """`pipe` is the child's end. The child gets copies of it and of `stderr`; ours stay open.
        OSError if it cannot start. Windows sets the niceness; elsewhere the child does. A spare
        process imports `modules`."""
        handle = pipe.fileno()
        self._popen = start_python(
            "engine.children.child_main",
            f"main({handle}, {modules!r}, {spec.niceness})",
            stdout=stderr,
            stderr=stderr,
            handles=[handle],
            environment=spec.environment,
            niceness=spec.niceness,
        )
        self.pid = self._popen.pid

    def has_ended(self, now_s: float) -> bool:
        """True when the process has ended. Never waits."""
        return self._popen.poll() is not None

    @property
    def exit_reason(self) -> str:
        return exit_reason(self._popen.returncode)

    def kill(self) -> None:
        self._popen.kill()

    def close(self) -> None:
        """Reap the process later on a thread, if it was given up before `has_ended` reaped it."""
        if self._popen.returncode is None:
            reap_later(self._popen)


ChildProcess = ForkedProcess | SpawnedProcess
"""A started process. Used on one thread at a time; nothing waits."""
Launched = tuple[ChildProcess, Connection, IO[bytes]]
"""A process that runs `child_main`, our end of its pipe, and the file with its output."""


class Launcher:
    """Starts children: from one fork server, or as interpreters of their own. Use it on any
    thread."""

    def __init__(self, *, is_forking: bool = CAN_FORK) -> None:
        self._is_forking = is_forking
        self._lock = threading.Lock()
        self._users = 0
        self._modules: dict[str, None] = {}
        self._environment: dict[str, str] = {}
        self._server: ForkServer | None = None
        self._spares: dict[str, Launched | None] = {}
        """By name of the child, which two engines of this process may share. None: not tried before
        the next launch."""

    def join(self, modules: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Register a user of the fork server, with the modules and environment of its children. The
        server imports the modules that are registered when it starts."""
        with self._lock:
            self._users += 1
            self._modules |= dict.fromkeys(modules)
            self._environment |= environment

    def leave(self, name: str = "") -> None:
        """Unregister a user of the fork server, which ends with the last one, and end the spare
        process of a child."""
        with self._lock:
            _abandon(self._spares.pop(name, None))
            self._users -= 1
            if self._users == 0:
                self._end_server()
                self._modules.clear()
                self._environment.clear()

    def launch(self, spec: ChildSpec) -> Launched:
        """Start a process, or take the spare one. ChildError when none can be started."""
        with self._lock:
            spare = self._spares.pop(spec.name, None)
        if spare is not None and not spare[0].has_ended(0.0):
            return spare
        _abandon(spare)
        return self._start(spec)

    def prepare(self, spec: ChildSpec) -> None:
        """Start a spare process for the next launch, unless there is one, children are forked, or
        memory is short. Call it as often as you like."""
        with self._lock:
            if self._is_forking or not spec.preload or not self._users or spec.name in self._spares:
                return
            self._spares[spec.name] = None
            # the next launch reports it; or the memory is unknown
            with suppress(ChildError, OSError, RuntimeError):
                if psutil.virtual_memory().available > SPARE_NEEDS_BYTES:
                    self._spares[spec.name] = self._start(spec, spec.preload)

    def _start(self, spec: ChildSpec, modules: tuple[str, ...] = ()) -> Launched:
        try:
            with ExitStack() as undo:
                stderr = undo.enter_context(stderr_file.create())
                ours, theirs = open_pipe()
                undo.enter_context(ours)
                with theirs:
                    process: ChildProcess = (
                        ForkedProcess(self._request, theirs.fileno(), stderr.fileno())
                        if self._is_forking
                        else SpawnedProcess(theirs, stderr, spec, modules)
                    )
                undo.pop_all()
                return process, ours, stderr
        except OSError as error:
            raise ChildError(
                f"no child process can be started: {error.strerror or error}"
            ) from error

    def renew(self) -> None:
        """Kill a server that hangs; the next launch creates another. Children run on; pending forks
        are retried."""
        with self._lock:
            self._end_server()

    @property
    def server_pid(self) -> int:
        """The fork server's process id; 0 without one."""
        return self._server.pid if self._server else 0

    def _request(self, descriptors: list[int]) -> None:
        summary = ""
        with self._lock:
            for _ in range(2):  # replaces a server that died since its last use
                if self._server is None:
                    self._server = ForkServer(tuple(self._modules), self._environment)
                if self._server.request(descriptors):
                    return
                summary = self._end_server()
        raise ChildError(f"no child process can be started: the fork server ended: {summary}")

    def _end_server(self) -> str:
        server = self._server
        self._server = None
        return server.kill() if server else ""


def _abandon(spare: Launched | None) -> None:
    """End a spare process that no child becomes."""
    if spare is not None:
        process, pipe, stderr = spare
        process.kill()
        process.close()
        pipe.close()
        stderr.close()


LAUNCHER: Final = Launcher()
"""This process's launcher: several engines in one process share the server and its modules."""
