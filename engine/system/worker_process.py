"""Python processes of ours that work for this one: lines of text go in, lines of text come out.

A worker reads lines from standard input, writes its answers as lines to standard output, and ends
when its input closes: so it ends with this process, even if that is killed. This works on every
system, and each worker can be tried by hand. Live children have rings and heartbeats
(`engine/children`).
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

import psutil

from engine.system.atomic_file import when_free
from engine.system.python_process import exit_reason, reap_later, start_python, utf8_environment

ENDING_S: Final = (
    10.0  # a process that was killed and still exists after this time is stuck in a driver
)
POLL_S: Final = 0.005
LOG_TAIL_BYTES: Final = 4096
MAX_LINE_BYTES: Final = 16 << 20  # a worker that sends more is not read any longer
ORPHANED: Final = 70  # exit code


class WorkerProcess:
    """This process's end of a worker: sends lines to it, receives lines from it, ends it. `kill`
    and the properties: any thread; the others: one thread at a time."""

    def __init__(
        self,
        module: str,
        call: str,
        *,
        log: Path | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
        niceness: int = 0,
    ) -> None:
        """Start `call` of our module, see `start_python`. ChildError or OSError if it cannot be
        started. `log`: its stderr is appended to this file, and the last line belongs to the reason
        of its death."""
        self._log = log
        self.stuck_pids: list[int] = []
        """Numbers of the processes that were still there after `kill`: in a driver."""
        with contextlib.ExitStack() as opened:
            stderr = (
                opened.enter_context(when_free(lambda: log.open("ab"), log))
                if log
                else subprocess.DEVNULL
            )
            self._popen = start_python(
                module,
                call,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                environment=utf8_environment() | dict(environment),
                niceness=niceness,
            )
        self._unsent: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # On Windows nothing else waits for a pipe and for a time.
        name = module.rpartition(".")[2]
        self._writer = threading.Thread(target=self._write, name=f"{name} orders", daemon=True)
        self._reader = threading.Thread(target=self._read, name=f"{name} lines", daemon=True)
        self._writer.start()
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        return self._popen.poll() is not None

    @property
    def reason(self) -> str:
        """Why it ended, in one line: `killed by SIGSEGV; last line of its log`. Call it after `end`
        or `kill`."""
        log_line = last_line(self._log) if self._log else ""
        return exit_reason(self._popen.returncode) + (f"; {log_line}" if log_line else "")

    def send(self, line: bytes) -> None:
        """Send a line, which ends with a newline. Never waits: a thread writes the line, however
        long the process takes to read it. A process that is stopped or has ended does not answer,
        which `receive` reports at its deadline."""
        self._unsent.put(line)

    def receive(self, timeout_s: float) -> bytes | None:
        """The next line; None if there is none in this time. EOFError once it has ended and all
        lines were received."""
        try:
            line = self._lines.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None
        if not line:
            self._lines.put(b"")
            raise EOFError
        return line

    def end(self, patience_s: float = ENDING_S) -> int | None:
        """Close its input after the lines sent; after this time kill it. Returns the exit code, see
        `kill`."""
        self._unsent.put(b"")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(patience_s)
        return self.kill()

    def release(self) -> None:
        """Close its input after the lines sent and let it live on, for a process that decides
        itself when to end."""
        self._unsent.put(b"")
        # Popen warns of a process that it did not see end
        self._popen.returncode = self._popen.returncode or 0

    def kill(self, patience_s: float = ENDING_S) -> int | None:
        """End it and all processes that it has started. Idempotent. The exit code; None if it is
        still there after this time: stuck in a driver, if it was not 0."""
        # not poll(), after which its number may be another process's
        if self._popen.returncode is None:
            self.stuck_pids = kill_family(self._popen.pid, patience_s)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(0.0 if self._popen.pid in self.stuck_pids else patience_s)
        self._unsent.put(b"")
        if self._popen.returncode is None:
            reap_later(self._popen)
            return None
        self._writer.join(patience_s)
        self._reader.join(patience_s)
        return self._popen.returncode

    def _write(self) -> None:
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError), self._popen.stdin as pipe:  # it has ended
            while line := self._unsent.get():
                pipe.write(line)
                pipe.flush()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with contextlib.suppress(OSError), self._popen.stdout as pipe:
            # else it was killed while it wrote
            while (line := pipe.readline(MAX_LINE_BYTES)).endswith(b"\n"):
                self._lines.put(line)
        self._lines.put(b"")


def kill_family(pid: int, patience_s: float) -> list[int]:
    """Kill a process that leads its group, that group, and its descendants in other groups; wait
    for their end. Returns the numbers of those that are still there."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    for each in family:
        with contextlib.suppress(psutil.Error):
            each.kill()
    if sys.platform != "win32":
        import signal

        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    end_s = time.monotonic() + patience_s
    while (
        left := [each.pid for each in family if not _has_ended(each)]
    ) and time.monotonic() < end_s:
        time.sleep(POLL_S)
    return left


def _has_ended(process: psutil.Process) -> bool:
    """True also for a zombie: whoever has to ask for its exit code may never do so."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def last_line(path: Path) -> str:
    """The last line of a log; "" if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - LOG_TAIL_BYTES, 0))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return ""
    return next((line for line in reversed(lines) if line), "")


# -- the worker's end ------------------------------------------------------------------------------


def claim_output() -> BinaryIO:
    """Take standard output as the stream for answers. What libraries and drivers print from now on
    goes to stderr. `sys.stdin` reads the orders from a copy of descriptor 0, which is empty from
    now on: libraries that load ask what 0 is, and Windows answers when the read by another thread
    has ended, which may be never (numpy#24290)."""
    answers = open(os.dup(1), "wb")  # noqa: SIM115 - open until the process ends
    os.dup2(2, 1)
    sys.stdin = open(os.dup(0), encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the process ends
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return answers


def end_with_parent() -> None:
    """End this process when its input closes, whatever it is doing. For one that reads no more
    lines."""
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()


def _end_with_parent() -> None:
    # not its own `read`, whose lock Python would wait for at exit
    while os.read(sys.stdin.fileno(), 65536):
        pass
    os._exit(ORPHANED)
