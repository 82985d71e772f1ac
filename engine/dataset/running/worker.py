"""The process that makes one picture and exits; forking.py forks it.

A request is a line with `task`, `folder` and `log`; the answer is one with `made` or `failure`.
"""

import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from engine.dataset.running.machine import memory_left_bytes
from engine.dataset.running.policy import failure_of
from engine.dataset.task import PictureTask, task_of
from engine.system.plain_text import write_plain_lines
from engine.system.worker_process import claim_output, end_with_parent


def main() -> None:
    answers = claim_output()
    request = json.loads(sys.stdin.buffer.readline())
    end_with_parent()
    make_requested(request, answers)


def make_requested(request: dict[str, str], answers: BinaryIO) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    write_plain_lines(logging.getLogger())
    answer(answers, attempt(task_of(request["task"]), Path(request["folder"])))


def attempt(task: PictureTask, folder: Path) -> dict[str, Any]:
    """Make the picture; return `made` or `failure` as plain values. Never raises an Exception."""
    from engine.dataset.picture import make_picture

    try:
        return {"made": asdict(make_picture(task, folder))}
    except Exception as error:  # top of a process: the run receives a failure, the log the traceback
        failure = failure_of(error, folder, left_bytes=memory_left_bytes())
        logging.getLogger(__name__).error("failed: %s", failure.reason, exc_info=not failure.is_final)
        return {"failure": asdict(failure)}


def answer(answers: BinaryIO, values: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(values).encode() + b"\n")
        answers.flush()
    except BrokenPipeError:  # the run has ended
        os._exit(0)
