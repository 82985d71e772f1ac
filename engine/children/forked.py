"""Children on Linux: forked from a server that has imported the heavy modules. `fork_server` is the
server's side."""

import logging
import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Final

from engine.children import stderr_file
from engine.children.fork_server import MAX_NOTE, NUMBER, REQUEST
from engine.errors import ChildError
from engine.system.python_process import exit_reason, reap_later, start_python
from engine.system.undoing import undo_on_error

log = logging.getLogger(__name__)

ATTEMPTS: Final = 3
KILL_WAIT_S: Final = 1.0
STATUS_WAIT_S: Final = 1.0  # to receive the exit code; a stopped server never sends it


class ForkServer:
    """Client of a running fork server. Used under its launcher's lock."""

    def __init__(self, modules: tuple[str, ...], environment: Mapping[str, str]) -> None:
        with ExitStack() as undo:
            self._control, theirs = (
                undo.enter_context(end)
                for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            )
            self._control.setblocking(False)
            self._stderr = undo.enter_context(stderr_file.create())
            self._popen = start_python(
                "engine.children.fork_server",
                f"serve({theirs.fileno()}, {modules!r})",
                stdout=self._stderr,
                stderr=self._stderr,
                handles=[theirs.fileno()],
                environment=environment,
            )
            undo.pop_all()
            theirs.close()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def request(self, descriptors: list[int]) -> bool:
        """Request a child; it is forked once the modules are imported. False if the server has
        died."""
        try:
            socket.send_fds(self._control, [REQUEST], descriptors)
        except OSError:
            return False
        return True

    def kill(self) -> str:
        """Kill the server; its children keep running. Returns the last line of its stderr."""
        self._popen.kill()
        try:
            self._popen.wait(KILL_WAIT_S)
        except (
            subprocess.TimeoutExpired
        ):  # stuck importing from an unreachable network folder, or on a busy machine
            reap_later(self._popen)
        self._control.close()
        summary = stderr_file.crash_summary(stderr_file.read_tail(self._stderr))
        self._stderr.close()
        return summary


class ForkedProcess:
    """A requested child; it starts when its server forks it. Used on one thread."""

    def __init__(
        self, request: Callable[[list[int]], None], pipe_descriptor: int, stderr_descriptor: int
    ) -> None:
        """`request` passes descriptors to a running fork server, or raises ChildError. Both
        descriptors are duplicated. ChildError or OSError when it cannot be requested."""
        self.pid = 0
        """0 before it has started."""
        self.events: socket.socket | None = None
        """Readable when it has started or ended, for `multiprocessing.connection.wait`."""
        self._request = request
        self._theirs: list[int] = []
        self._pidfd = -1
        self._code: int | None = None
        self._exited_s: float | None = None
        self._attempts = 0
        self._problem = ""
        with undo_on_error(self.close):
            for descriptor in (pipe_descriptor, stderr_descriptor):
                self._theirs.append(os.dup(descriptor))
            self._send_request()

    def has_ended(self, now_s: float) -> bool:
        """True when the process has exited and its status is known, or cannot be known. Never
        waits."""
        if self.pid == 0 and not self._problem:
            self._check_started()
        if self.pid == 0:
            return bool(self._problem)
        if self._exited_s is None and _is_readable(self._pidfd):
            self._exited_s = now_s
        if self.events is not None:
            try:
                received = self.events.recv(NUMBER.size)
            except BlockingIOError:
                if self._exited_s is None or now_s - self._exited_s < STATUS_WAIT_S:
                    return False
                received = b""
            except OSError:
                received = b""
            if received:
                self._code = NUMBER.unpack(received)[0]
            self._close_events()  # also when the server has ended: then `events` is always readable
        return self._exited_s is not None

    @property
    def exit_reason(self) -> str:
        return self._problem or exit_reason(self._code)

    def kill(self) -> None:
        """Kill it (SIGKILL). One that has not started is abandoned; if it starts later, its closed
        pipe ends it."""
        if self.pid == 0:
            self._problem = self._problem or "abandoned before the fork"
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        self._close_events()
        self._close_theirs()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _send_request(self) -> None:
        self._attempts += 1
        self.events, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.events.setblocking(False)
        with theirs:
            self._request([*self._theirs, theirs.fileno()])

    def _check_started(self) -> None:
        if self.events is None:
            return
        try:
            received, descriptors, _, _ = socket.recv_fds(self.events, NUMBER.size + MAX_NOTE, 1)
        except BlockingIOError:
            return
        except OSError:
            received = b""
            descriptors = []
        if received:
            self._close_theirs()  # now only the child has the other ends
            self.pid = NUMBER.unpack_from(received)[0]
            self._pidfd = descriptors[0]
            if note := received[NUMBER.size :]:
                log.warning("%s", note.decode())
            return
        self._close_events()  # the server died before answering, or fork failed
        if self._attempts == ATTEMPTS:
            self._problem = f"could not be forked in {ATTEMPTS} attempts"
            return
        try:
            self._send_request()
        except (ChildError, OSError) as error:
            self._problem = str(error)

    def _close_events(self) -> None:
        if self.events is not None:
            self.events.close()
            self.events = None

    def _close_theirs(self) -> None:
        for descriptor in self._theirs:
            os.close(descriptor)
        self._theirs = []


def _is_readable(descriptor: int) -> bool:
    events = select.poll()
    events.register(descriptor, select.POLLIN)
    return bool(events.poll(0))
