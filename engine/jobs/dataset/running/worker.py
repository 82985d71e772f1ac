"""The process that makes one picture and exits.

It reads its task from its folder (task.json), and writes the files and the result there (result.json). Its standard
output is the picture's log. It exits when its parent ends, which closes its standard input.
"""

import json
import logging
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.jobs.dataset.running.machine import memory_left_bytes
from engine.jobs.dataset.running.policy import Failure, failure_of
from engine.jobs.dataset.task import PictureTask, task_of
from engine.system.atomic_file import replace_file, when_free
from engine.system.plain_text import write_plain_lines

TASK, RESULT = "task.json", "result.json"
ORPHANED, DISK_FAILED = 70, 71  # exit codes


def main() -> None:
    watch_parent(0)
    sys.exit(make_in(Path(sys.argv[1])))


def make_in(folder: Path) -> int:
    """Make the picture whose task is in the folder; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    write_plain_lines(logging.getLogger())
    task = task_of((folder / TASK).read_text(encoding="utf-8"))
    try:
        write_result(folder, attempt(task, folder))
    except OSError:
        logging.getLogger(__name__).exception("the result cannot be written")
        return DISK_FAILED
    return 0


def watch_parent(pipe: int) -> None:
    """End this process when the pipe's other end closes."""
    threading.Thread(target=_end_with_parent, args=(pipe,), name="parent watch", daemon=True).start()


def attempt(task: PictureTask, folder: Path) -> dict[str, Any]:
    """Make the picture; return `made` or `failure` as plain values. Never raises an Exception."""
    from engine.jobs.dataset.picture import make_picture

    try:
        return {"made": asdict(make_picture(task, folder))}
    except Exception as error:  # top of a process: the run receives a failure, the log the traceback
        failure = failure_of(error, folder, left_bytes=memory_left_bytes())
        logging.getLogger(__name__).error("failed: %s", failure.reason, exc_info=not failure.is_final)
        return {"failure": asdict(failure)}


def write_result(folder: Path, result: dict[str, Any]) -> None:
    new = folder / f"{RESULT}.new"
    new.write_text(json.dumps(result), encoding="utf-8")
    replace_file(new, folder / RESULT)


def read_result(folder: Path) -> dict[str, Any] | Failure | None:
    """`MadePicture` as plain values, a failure, or None if the process wrote no result."""
    try:
        path = folder / RESULT
        result = json.loads(when_free(lambda: path.read_text(encoding="utf-8"), path))
    except (OSError, ValueError):
        return None
    if "failure" in result:
        return Failure(**result["failure"])
    made: dict[str, Any] = result["made"]
    return made


def _end_with_parent(pipe: int) -> None:
    while os.read(pipe, 1):  # not sys.stdin, whose lock Python would wait for at exit
        pass
    os._exit(ORPHANED)
