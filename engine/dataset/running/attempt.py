"""Runs each picture in a process: starts it, watches it, kills it on timeout. The process runs
`main` here, for one picture, or is a fork of forking.py. Requests are lines with `task`, `folder`,
`log`; answers: `made` or `failure`."""

import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from engine.dataset.running.estimate import memory_left_bytes
from engine.dataset.running.policy import Failure, failure_of
from engine.dataset.task import PictureResult, PictureTask, task_of
from engine.system.plain_text import write_plain_lines
from engine.system.python_process import exit_reason
from engine.system.worker_process import WorkerProcess, claim_output, end_with_parent, last_line

HAS_FORK = sys.platform == "linux"  # macOS's frameworks do not survive a fork
POLL_INTERVAL_S = 0.05
EXITING_S = 2.0
NO_ROOM_BYTES = 2**20
_IN_A_DRIVER = " (in a driver, often out of main memory: give fewer --jobs)"
HINTS = {
    "SIGKILL": " (usually by the system, out of main memory: give fewer --jobs)",
    # LLVM and llvmpipe do not check what they allocate.
    **dict.fromkeys(("SIGSEGV", "SIGBUS", "SIGABRT", "SIGTRAP", "SIGILL"), _IN_A_DRIVER),
}


class PictureWorker:
    """Makes one picture at a time, each in a new process. Used by one thread at a time."""

    def __init__(self, environment: Mapping[str, str], *, warm_log: Path | None = None) -> None:
        """`warm_log`: fork processes from one that the first picture starts, which writes there;
        else start Pythons."""
        self._environment = environment
        self._warm_log = warm_log
        self._process: WorkerProcess | None = None

    def attempt(
        self,
        task: PictureTask,
        folder: Path,
        log_path: Path,
        *,
        timeout_s: float,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> PictureResult | Failure:
        """Make the picture; returns the result or the failure. OSError if a disk error prevents the
        start. A process that takes longer than `timeout_s`, or is running when `is_stopped`, is
        killed with its children."""
        end_s = time.perf_counter() + timeout_s
        if self._process is None:
            module = "attempt" if self._warm_log is None else "forking"
            self._process = WorkerProcess(
                f"engine.dataset.running.{module}",
                "main()",
                log=self._warm_log or log_path,
                environment=self._environment,
            )
        process = self._process
        process.send(
            json.dumps(
                {"task": task.as_json(), "folder": str(folder), "log": str(log_path)}
            ).encode()
            + b"\n"
        )
        result: PictureResult | Failure | None = None
        while True:
            try:
                line = process.receive(POLL_INTERVAL_S)
            except EOFError:
                code = process.end(EXITING_S)
                self._process = None
                if result is None and self._warm_log is not None:
                    return Failure(
                        reason=f"the process that starts pictures ended: {process.reason}"
                    )
                return result or _unexplained(code, folder, log_path)
            if line is None:
                if is_stopped():
                    return self._killed(Failure(reason="interrupted", is_final=True))
                if time.perf_counter() > end_s:
                    return self._killed(
                        Failure(
                            reason=f"hung: no picture after {timeout_s:g} s (--timeout); killed"
                        )
                    )
                continue
            try:
                answer = json.loads(line)
            except ValueError:
                return self._killed(
                    Failure(reason="its process was killed in the middle of its answer")
                )
            if "ended" in answer:  # the exit code of a forked process
                return result or _unexplained(answer["ended"], folder, log_path)
            result = (
                Failure(**answer["failure"])
                if "failure" in answer
                else PictureResult(**answer["made"])
            )

    def close(self) -> None:
        """End the worker's processes. Idempotent."""
        if self._process is not None:
            self._process.end(EXITING_S)
            self._process = None

    def _killed(self, failure: Failure) -> Failure:
        process = self._process
        self._process = None
        assert process is not None
        process.kill()
        if process.stuck_pids:
            stuck = ", ".join(map(str, process.stuck_pids))
            return Failure(
                reason=f"{failure.reason}; process {stuck} cannot be killed (stuck in a driver)"
            )
        return failure


def _unexplained(code: int | None, folder: Path, log_path: Path) -> Failure:
    """The failure of a process that ended with this exit code and gave no result."""
    if shutil.disk_usage(folder).free < NO_ROOM_BYTES:
        return Failure(
            reason=f"{folder.parent.parent}: the disk is full or cannot be written", ends_run=True
        )
    reason = f"its process ended without a result: {exit_reason(code)}"
    reason += next((hint for name, hint in HINTS.items() if code == -getattr(signal, name, 0)), "")
    last_output = last_line(log_path)
    return Failure(reason=f"{reason}; {last_output}" if last_output else reason)


def main() -> None:
    answers = claim_output()
    request = json.loads(sys.stdin.buffer.readline())
    end_with_parent()
    make_requested(request, answers)


def make_requested(request: dict[str, str], answers: BinaryIO) -> None:
    """Make the requested picture and answer with `made` or `failure`."""
    from engine.dataset.picture import make_picture

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    write_plain_lines(logging.getLogger())
    folder = Path(request["folder"])
    try:
        answer(answers, {"made": asdict(make_picture(task_of(request["task"]), folder))})
    except (
        Exception
    ) as error:  # top of a process: the run receives a failure, the log the traceback
        failure = failure_of(error, folder, left_bytes=memory_left_bytes())
        logging.getLogger(__name__).error(
            "failed: %s", failure.reason, exc_info=not failure.is_final
        )
        answer(answers, {"failure": asdict(failure)})


def answer(answers: BinaryIO, values: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(values).encode() + b"\n")
        answers.flush()
    except BrokenPipeError:  # the run has ended
        os._exit(0)
