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
        logging.getLogger(__name__).exception("the result cannot be written")
        os._exit(DISK_FAILED)


def attempt(task: PictureTask, folder: Path) -> dict[str, Any]:
    """Make the picture; return `made` or `failure` as plain values. Never raises an Exception."""
    from engine.jobs.dataset.picture import make_picture

    try:
        return {"made": asdict(make_picture(task, folder))}
    except Exception as error:  # top of a process: the run receives a failure, the log the traceback
        failure = failure_of(error, folder)
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


def _end_with_parent() -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock Python would wait for at exit
        pass
    os._exit(ORPHANED)
