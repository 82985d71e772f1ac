"""The run's end of a fork server: has one picture after another made, each in a child of its own."""

import contextlib
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from engine.jobs.dataset.running.attempt import (
    ENDING_S,
    POLL_INTERVAL_S,
    hung,
    kill_family,
    last_line,
    unexplained_failure,
)
from engine.jobs.dataset.running.policy import Failure
from engine.jobs.dataset.running.worker import TASK, read_result
from engine.jobs.dataset.task import PictureTask
from engine.system.python_process import exit_reason, start_python, utf8_environment

HAS_FORK = sys.platform == "linux"  # macOS's frameworks do not survive a fork
EXITING_S = 2.0


class WarmWorker:
    """One fork server, started by the first attempt and again after its end. Used by one thread at a time."""

    def __init__(self, log_path: Path, environment: Mapping[str, str]) -> None:
        """`log_path`: what the server itself writes, such as an error in its imports."""
        self._log_path, self._environment = log_path, dict(environment)
        self._server: subprocess.Popen[bytes] | None = None
        self._life = -1  # closed by `close`, or by the kernel when this process ends
        self._answers = b""

    def attempt(
        self,
        task: PictureTask,
        folder: Path,
        log_path: Path,
        *,
        timeout_s: float,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any] | Failure:
        """Like `run_attempt`."""
        (folder / TASK).write_text(task.as_json(), encoding="utf-8")
        end_s = time.perf_counter() + timeout_s
        server = self._started(folder)
        assert server.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            server.stdin.write(os.fsencode(f"{folder}\t{log_path}\n"))
            server.stdin.flush()
        pid, ended = 0, None
        while True:
            answer = self._answer(POLL_INTERVAL_S)
            if answer is None:
                self._end_server(pid)
                return ended or self._server_failure(server)
            kind, _, number = answer.partition(" ")
            if kind == "started":
                pid = int(number)
            if kind == "ended":
                return ended or read_result(folder) or unexplained_failure(int(number), folder, log_path)
            if ended is None and is_stopped():
                ended = Failure(reason="interrupted", is_final=True)
            elif ended is None and time.perf_counter() > end_s:
                ended = hung(timeout_s)
            else:
                continue
            if not pid:  # the server itself hangs
                self._end_server(pid)
                return ended
            _kill(pid)
            end_s = time.perf_counter() + ENDING_S
            while (answer := self._answer(POLL_INTERVAL_S)) == "":
                if time.perf_counter() > end_s:
                    self._end_server(pid)
                    return Failure(reason=f"{ended.reason}; process {pid} cannot be killed (stuck in a driver)")
            if answer is None:
                self._end_server(pid)
            return ended

    def close(self) -> None:
        """End the server and its child. Idempotent."""
        if self._server is not None:
            self._end_server(0)

    def _started(self, folder: Path) -> subprocess.Popen[bytes]:
        """The server, prepared for pictures like the one whose task is in the folder."""
        if self._server is None:
            watched, self._life = os.pipe()
            try:
                with self._log_path.open("ab") as log:
                    self._server = start_python(
                        "engine.jobs.dataset.running.fork_server",
                        "main()",
                        str(watched),
                        str(folder),
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        handles=(watched,),
                        environment=utf8_environment() | self._environment,
                    )
            except BaseException:
                os.close(self._life)
                raise
            finally:
                os.close(watched)
            self._answers = b""
        return self._server

    def _answer(self, timeout_s: float) -> str | None:
        """The server's next line; "" if there is none in time, None if it has ended."""
        assert self._server is not None and self._server.stdout is not None
        if b"\n" not in self._answers:
            with selectors.DefaultSelector() as selector:
                selector.register(self._server.stdout, selectors.EVENT_READ)
                if not selector.select(timeout_s):
                    return ""
            read = os.read(self._server.stdout.fileno(), 4096)
            if not read:
                return None
            self._answers += read
        line, separator, rest = self._answers.partition(b"\n")
        if not separator:
            return ""
        self._answers = rest
        return line.decode("ascii")

    def _server_failure(self, server: subprocess.Popen[bytes]) -> Failure:
        reason = f"the process that starts pictures ended: {exit_reason(server.returncode)}"
        said = last_line(self._log_path)
        return Failure(reason=f"{reason}; {said}" if said else reason)

    def _end_server(self, pid: int) -> None:
        """Kill the server and the child that it may have left."""
        server, self._server = self._server, None
        assert server is not None and server.stdin is not None and server.stdout is not None
        os.close(self._life)
        with contextlib.suppress(BrokenPipeError):
            server.stdin.close()
        if pid:
            _kill(pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(EXITING_S)
        if server.returncode is None:
            kill_family(server)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(ENDING_S)
        server.stdout.close()


def _kill(pid: int) -> None:
    """Kill a picture's process with its children."""
    with contextlib.suppress(psutil.Error):
        kill_family(psutil.Process(pid))
