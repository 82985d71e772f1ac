"""Makes one picture (`--image-index`). Several such processes may share a folder: each locks it
only while it plans, and while it commits files and writes those about the whole dataset. Card and
figures are left to a whole run."""

import math
import os
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil

from engine.dataset.job import DatasetJob
from engine.dataset.running.attempt import PictureWorker
from engine.dataset.running.folder import PARTS, DatasetFolder, unwritable
from engine.dataset.running.policy import Failure, FinishedAttempt
from engine.dataset.running.report import DatasetReport, FailedPicture
from engine.dataset.running.whole_files import WholeFiles
from engine.system.atomic_file import remove_file

PATIENCE_S = 30.0  # a run of the whole dataset locks the folder until its end
COMMIT_PATIENCE_S = (
    600.0  # for a picture that is drawn: others may be writing a COCO file of thousands of pictures
)
# only on the same host can we check if the process is alive
HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
STAGING = f".picture-{HOST}-"


def make_picture_in_process(job: DatasetJob, on_message: Callable[[str], None]) -> DatasetReport:
    """Like `make_dataset`, but runs on this thread and cannot be stopped."""
    assert job.image_index is not None
    began_s = time.perf_counter()
    task = job.task(job.image_index)
    try:
        with closing(DatasetFolder(job.output, patience_s=PATIENCE_S)) as folder:
            plan = folder.plan(job.indices, job.task, is_resuming=job.resume, is_whole=False)
            task = folder.task_again(task)
            if plan.missing:
                folder.trust_existing(but=plan.broken | plan.forgotten)
                WholeFiles(folder, job).begin(is_changed=bool(plan.broken | plan.forgotten))
            folder.prepare(plan, job.subsets)
            for path in job.output.glob(f"{STAGING}*"):
                pid = path.name.removeprefix(STAGING).partition("-")[0]
                if pid.isdigit() and not psutil.pid_exists(int(pid)):  # that process was killed
                    shutil.rmtree(path, ignore_errors=True)
        report = DatasetReport(
            folder=str(job.output),
            expected=1,
            engine=job.drawing.engine,
            jobs=1,
            seconds=0.0,
            notes=plan.notes,
        )
        if not plan.missing:
            return replace(report, kept=1, seconds=_since(began_s))
        prefix = f"{STAGING}{os.getpid()}-"
        with (
            tempfile.TemporaryDirectory(
                prefix=prefix, dir=job.output, ignore_cleanup_errors=True
            ) as name,
            closing(PictureWorker({})) as worker,
        ):
            staged = Path(name)
            log = folder.log_path(task)
            remove_file(log, missing_ok=True)
            result = worker.attempt(task, staged, log, timeout_s=math.inf)
            with closing(DatasetFolder(job.output, patience_s=COMMIT_PATIENCE_S)) as folder:
                if isinstance(result, Failure):
                    on_message(f"picture {task.name} failed: {result.reason}")
                    folder.note_failure(task, result.reason, attempts=1)
                    failed = FailedPicture(index=task.index, reason=result.reason, attempts=1)
                    return replace(report, failed=(failed,), seconds=_since(began_s))
                folder.commit(
                    task, FinishedAttempt(folder=staged, seconds=_since(began_s), picture=result)
                )
                folder.trust_existing()
                whole = WholeFiles(folder, job)
                whole.write_last()
    except OSError as error:
        raise unwritable(job.output, error) from error
    seconds = _since(began_s)
    return replace(
        report,
        made=1,
        engine=result.renderer,
        seconds=seconds,
        seconds_a_picture=seconds,
        outputs=(
            *(path for path in reversed(result.sha256) if not path.startswith(PARTS)),
            *whole.names,
        ),
        notes=(*plan.notes, *whole.notes),
    )


def _since(began_s: float) -> float:
    return round(time.perf_counter() - began_s, 3)
