"""Runs one attempt at a picture in a process: starts it, watches it, kills it on timeout."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from engine.jobs.dataset.running.policy import Failure
from engine.jobs.dataset.running.worker import DISK_FAILED, TASK, read_result
from engine.jobs.dataset.task import PictureTask
from engine.system.atomic_file import when_free
from engine.system.python_process import exit_reason, start_python, utf8_environment

POLL_INTERVAL_S = 0.05
LOG_TAIL_BYTES = 4096
ENDING_S = 10.0
NO_ROOM_BYTES = 2**20
_IN_A_DRIVER = " (in a driver, often out of main memory: give fewer --jobs)"
HINTS = {
    "SIGKILL": " (usually by the system, out of main memory: give fewer --jobs)",
    # LLVM and llvmpipe do not check what they allocate.
    **dict.fromkeys(("SIGSEGV", "SIGBUS", "SIGABRT", "SIGTRAP", "SIGILL"), _IN_A_DRIVER),
}


def run_attempt(
    task: PictureTask,
    folder: Path,
    log_path: Path,
    *,
    timeout_s: float,
    environment: Mapping[str, str],
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any] | Failure:
    """Return `MadePicture` as plain values, or the failure. Any thread. OSError if a disk error prevents the start.

    A process that takes longer than `timeout_s`, or is running when `is_stopped`, is killed with its children.
    """
    (folder / TASK).write_text(task.as_json(), encoding="utf-8")
    with when_free(lambda: log_path.open("ab"), log_path) as log:
        process = start_python(
            "engine.jobs.dataset.running.worker",
            "main()",
            str(folder),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            environment=utf8_environment() | dict(environment),
        )
    try:
        ended = _watch(process, timeout_s, is_stopped)
    finally:
        assert process.stdin is not None
        process.stdin.close()
    if ended is not None:
        try:
            process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            return Failure(reason=f"{ended.reason}; process {process.pid} cannot be killed (stuck in a driver)")
        return ended
    result = read_result(folder)
    if result is not None:
        return result
    return unexplained_failure(process.returncode, folder, log_path)


class ColdWorker:
    """Starts a new Python for each picture, where processes cannot be forked."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def attempt(
        self,
        task: PictureTask,
        folder: Path,
        log_path: Path,
        *,
        timeout_s: float,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any] | Failure:
        """See run_attempt."""
        return run_attempt(
            task, folder, log_path, timeout_s=timeout_s, environment=self._environment, is_stopped=is_stopped
        )

    def close(self) -> None:
        """Nothing is left to close: each process has ended."""


def _watch(process: subprocess.Popen[bytes], timeout_s: float, is_stopped: Callable[[], bool]) -> Failure | None:
    end_s = time.perf_counter() + timeout_s
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_INTERVAL_S)
            return None
        if is_stopped():
            kill_family(process)
            return Failure(reason="interrupted", is_final=True)
        if time.perf_counter() > end_s:
            kill_family(process)
            return hung(timeout_s)


def hung(timeout_s: float) -> Failure:
    return Failure(reason=f"hung: no picture after {timeout_s:g} s (--timeout); killed")


def kill_family(process: subprocess.Popen[bytes] | psutil.Process) -> None:
    """Kill the process and its descendants, ignoring those that have ended."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for each in family:
        with contextlib.suppress(psutil.Error):
            each.kill()
    psutil.wait_procs(family, timeout=ENDING_S)


def unexplained_failure(code: int, folder: Path, log_path: Path) -> Failure:
    """The failure of a process that ended with this exit code and wrote no result."""
    if code == DISK_FAILED or shutil.disk_usage(folder).free < NO_ROOM_BYTES:
        return Failure(reason=f"{folder.parent.parent}: the disk is full or cannot be written", ends_run=True)
    reason = f"its process ended without a result: {exit_reason(code)}"
    reason += next((hint for name, hint in HINTS.items() if code == -getattr(signal, name, 0)), "")
    said = last_line(log_path)
    return Failure(reason=f"{reason}; {said}" if said else reason)


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
