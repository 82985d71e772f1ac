"""Children on Linux: forked by a server that has the heavy modules imported. See `fork_server` for the other end."""

import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Final

from engine.children import stderr_file
from engine.children.fork_server import NUMBER, REQUEST
from engine.errors import ChildError
from engine.system.python_process import exit_reason, start_python

ATTEMPTS: Final = 3
KILL_WAIT_S: Final = 1.0
STATUS_WAIT_S: Final = 1.0  # a dead child's exit code comes from its server; a stopped server never tells


class ForkServer:
    """The engine's end of a running fork server. Used under its launcher's lock."""

    def __init__(self, modules: tuple[str, ...], environment: Mapping[str, str]) -> None:
        with ExitStack() as undo:
            self._control, theirs = (
                undo.enter_context(end) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
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
        """Ask for a child, which comes when the modules are imported. False: the server takes none any more."""
        try:
            socket.send_fds(self._control, [REQUEST], descriptors)
        except OSError:
            return False
        return True

    def kill(self) -> str:
        """End it, at once: it has nothing to save, and children go on. What it last said on stderr."""
        self._popen.kill()
        with suppress(subprocess.TimeoutExpired):  # imports from a network folder that is away
            self._popen.wait(KILL_WAIT_S)
        self._control.close()
        said = stderr_file.gist(stderr_file.tail_of(self._stderr))
        self._stderr.close()
        return said


class ForkedProcess:
    """A child that was asked for, and is born when its server comes to it. Used by one thread."""

    def __init__(self, request: Callable[[list[int]], None], pipe_descriptor: int, stderr_descriptor: int) -> None:
        """`request` hands descriptors to a live fork server, or raises ChildError. Both given are duplicated.

        ChildError or OSError: it cannot be had.
        """
        self.pid = 0
        self.news: socket.socket | None = None
        self._request = request
        self._theirs: list[int] = []
        self._pidfd = -1
        self._code: int | None = None
        self._gone_s: float | None = None
        self._attempts = 0
        self._problem = ""
        try:
            for descriptor in (pipe_descriptor, stderr_descriptor):
                self._theirs.append(os.dup(descriptor))
            self._ask()
        except BaseException:
            self.close()
            raise

    def has_ended(self, now_s: float) -> bool:
        """Whether nothing of it runs any more, and how it ended is known if it can be. Never waits."""
        if self.pid == 0 and not self._problem:
            self._look_for_birth()
        if self.pid == 0:
            return bool(self._problem)
        if self._gone_s is None:
            if not _is_readable(self._pidfd):
                return False
            self._gone_s = now_s
        if self.news is not None:
            try:
                news = self.news.recv(NUMBER.size)
            except BlockingIOError:
                if now_s - self._gone_s < STATUS_WAIT_S:
                    return False
                news = b""
            except OSError:
                news = b""
            if news:
                self._code = NUMBER.unpack(news)[0]
            self._hang_up()
        return True

    @property
    def exit_reason(self) -> str:
        return self._problem or exit_reason(self._code)

    def kill(self) -> None:
        """SIGKILL. One that is not born yet is given up; should it come all the same, its pipe is at its end."""
        if self.pid == 0:
            self._problem = self._problem or "given up before it was forked"
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        self._hang_up()
        self._let_go_of_theirs()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _ask(self) -> None:
        self._attempts += 1
        self.news, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.news.setblocking(False)
        with theirs:
            self._request([*self._theirs, theirs.fileno()])

    def _look_for_birth(self) -> None:
        if self.news is None:
            return
        try:
            news, descriptors, _, _ = socket.recv_fds(self.news, NUMBER.size, 1)
        except BlockingIOError:
            return
        except OSError:
            news, descriptors = b"", []
        if news:
            self._let_go_of_theirs()  # from now on their other ends are in the child alone
            self.pid, self._pidfd = NUMBER.unpack(news)[0], descriptors[0]
            return
        self._hang_up()  # the server died with our request, or the system had no process for it
        if self._attempts == ATTEMPTS:
            self._problem = f"could not be forked in {ATTEMPTS} attempts"
            return
        try:
            self._ask()
        except (ChildError, OSError) as error:
            self._problem = str(error)

    def _hang_up(self) -> None:
        if self.news is not None:
            self.news.close()
            self.news = None

    def _let_go_of_theirs(self) -> None:
        for descriptor in self._theirs:
            os.close(descriptor)
        self._theirs = []


def _is_readable(descriptor: int) -> bool:
    events = select.poll()
    events.register(descriptor, select.POLLIN)
    return bool(events.poll(0))
