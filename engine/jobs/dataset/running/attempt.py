"""One attempt at a picture in a process of its own: started, watched, ended."""

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


def run_attempt(
    task: PictureTask,
    folder: Path,
    log_path: Path,
    *,
    timeout_s: float,
    environment: Mapping[str, str],
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any] | Failure:
    """`Made` as plain values, or why there is none. Any thread; OSError where the disk does not let it begin.

    A process that takes longer than `timeout_s`, or for which `is_stopped` says so, is killed with all it has started.
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
            environment=utf8_environment() | environment,
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
            return Failure(reason=f"{ended.reason}; process {process.pid} cannot be ended (stuck in a driver)")
        return ended
    result = read_result(folder)
    if result is not None:
        return result
    return _without_a_word(process.returncode, folder, log_path)


def _watch(process: subprocess.Popen, timeout_s: float, is_stopped: Callable[[], bool]) -> Failure | None:
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
            return Failure(reason=f"hung: no picture after {timeout_s:g} s (--timeout); killed")


def kill_family(process: subprocess.Popen) -> None:
    """The process and all it has started. Gone ones are no error."""
    family = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for each in family:
        with contextlib.suppress(psutil.Error):
            each.kill()
    psutil.wait_procs(family, timeout=ENDING_S)


def _without_a_word(code: int, folder: Path, log_path: Path) -> Failure:
    if code == DISK_FAILED or shutil.disk_usage(folder).free < NO_ROOM_BYTES:
        return Failure(reason=f"{folder.parent.parent}: the disk is full or takes nothing more", ends_run=True)
    reason = f"its process ended without a word: {exit_reason(code)}"
    if code == -getattr(signal, "SIGKILL", 9):
        reason += " (by the system for lack of main memory, as a rule: give fewer --jobs)"
    said = last_line(log_path)
    return Failure(reason=f"{reason}; {said}" if said else reason)


def last_line(path: Path) -> str:
    """What a log ends with; "" where there is nothing."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - LOG_TAIL_BYTES, 0))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return ""
    return next((line for line in reversed(lines) if line), "")
