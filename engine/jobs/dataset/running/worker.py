"""The process that makes one picture and ends.

It is told what to make in its folder (task.json) and leaves there the files and what became of it (result.json). Its
standard output is the picture's log. It ends when its parent does: that holds the other end of its standard input.
"""

import json
import logging
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from engine.jobs.dataset.running.policy import Failure, failure_of
from engine.jobs.dataset.task import PictureTask, task_of
from engine.system.atomic_file import replace_file, when_free

TASK, RESULT = "task.json", "result.json"
ORPHANED, DISK_FAILED = 70, 71  # exit codes


def main() -> None:
    folder = Path(sys.argv[1])
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    task = task_of((folder / TASK).read_text(encoding="utf-8"))
    try:
        write_result(folder, attempt(task, folder))
    except OSError:
        logging.getLogger(__name__).exception("what became of it cannot be told")
        os._exit(DISK_FAILED)


def attempt(task: PictureTask, folder: Path) -> dict:
    """`made` or `failure`, as plain values. Nothing is raised but what ends a process."""
    from engine.jobs.dataset.picture import make_picture

    try:
        return {"made": asdict(make_picture(task, folder))}
    except Exception as error:  # the top of the process: what it was is told to the run and stands in the log
        failure = failure_of(error, folder)
        logging.getLogger(__name__).error("failed: %s", failure.reason, exc_info=not failure.is_final)
        return {"failure": asdict(failure)}


def write_result(folder: Path, result: dict) -> None:
    new = folder / f"{RESULT}.new"
    new.write_text(json.dumps(result), encoding="utf-8")
    replace_file(new, folder / RESULT)


def read_result(folder: Path) -> dict | Failure | None:
    """`Made` as plain values, why there is none, or None where the process left no word."""
    try:
        path = folder / RESULT
        result = json.loads(when_free(lambda: path.read_text(encoding="utf-8"), path))
    except (OSError, ValueError):
        return None
    return Failure(**result["failure"]) if "failure" in result else result["made"]


def _end_with_parent() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock Python would wait for at its own end
        pass
    os._exit(ORPHANED)
