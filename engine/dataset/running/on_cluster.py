"""Pictures on a Ray cluster: a process per picture, as on this machine. Files are sent back as
bytes."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.dataset.job import DatasetJob
from engine.dataset.running.attempt import HAS_FORK, PictureWorker
from engine.dataset.running.folder import DatasetFolder
from engine.dataset.running.policy import (
    Failure,
    FinishedAttempt,
    PictureOutcome,
    failure_of,
    is_retried,
)
from engine.dataset.task import PictureResult, PictureTask, task_of
from engine.errors import ChildError
from engine.jobs.kit import Actor, ActorPool, ActorResources, LoadedModel, WorkPiece, resources_for
from engine.system.atomic_file import remove_file

PIXEL_BYTES = 3  # upper bound of a picture's files
CORES_A_PICTURE = (
    2  # one CPU renderer uses them all; more pictures in parallel would only need more memory
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentResult:
    """Result of one attempt, as a machine sends it."""

    result: PictureResult | Failure
    files: Mapping[str, bytes]
    log: str
    seconds: float


class PictureMaker:
    """Runs in each actor: makes one picture at a time, in a separate process, with a timeout."""

    loaded = LoadedModel(device="cpu")

    def __init__(self, timeout_s: float, threads: int) -> None:
        self._timeout_s = timeout_s
        self._environment = {"LP_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        self._worker: PictureWorker | None = None

    def process(self, payload: str) -> SentResult:
        began_s = time.perf_counter()
        files = {}
        text = ""
        try:
            with tempfile.TemporaryDirectory(
                prefix="multiverse-picture-", ignore_cleanup_errors=True
            ) as name:
                log = Path(name, "log")
                files_folder = Path(name, "files", "made")
                files_folder.mkdir(parents=True)
                if self._worker is None:
                    self._worker = PictureWorker(
                        self._environment, warm_log=log if HAS_FORK else None
                    )
                result = self._worker.attempt(
                    task_of(payload), files_folder, log, timeout_s=self._timeout_s
                )
                if not isinstance(result, Failure):
                    files = {path: (files_folder / path).read_bytes() for path in result.sha256}
                with contextlib.suppress(OSError):
                    text = log.read_text(encoding="utf-8", errors="replace")
        except (OSError, ChildError) as error:
            result = failure_of(error, "the folder for temporary files")
        if isinstance(result, Failure) and self._worker is not None:
            self._worker.close()  # the next one begins with a log of its own
            self._worker = None
        return SentResult(
            result=result, files=files, log=text, seconds=time.perf_counter() - began_s
        )

    def memory_mb(self) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureJob:
    """A picture to make, and reasons of earlier failures."""

    task: PictureTask
    earlier: tuple[str, ...] = ()
    machine: str = ""  # where the last attempt failed


class ClusterRunner:
    """Runs pictures on a Ray cluster; counterpart of LocalRunner. Single-threaded."""

    def __init__(self, folder: DatasetFolder, job: DatasetJob, *, timeout_s: float) -> None:
        """UsageError, ModelError or ChildError, in one line, if there is no such cluster or nothing
        is free on it."""
        self._folder = folder
        self._retries = job.retries
        width, height = job.task(0).picture_px
        self._pool = ActorPool(
            "auto" if job.cluster is None else job.cluster,
            partial(_resources_for, job.jobs),
            lambda resources: partial(PictureMaker, timeout_s, resources.threads or 1),
            piece_bytes=width * height * PIXEL_BYTES,
            is_ordered=False,
        )
        self.jobs = len(self._pool.actors)
        self.devices: tuple[int, ...] = ()
        self.location_line = f"pictures are made on {self._pool.cluster_name}"
        self.close = self._pool.close

    @property
    def in_progress(self) -> int:
        return self._pool.waiting

    def run(
        self, tasks: Iterable[PictureTask], is_stopped: Callable[[], bool]
    ) -> Iterator[PictureOutcome | None]:
        """Like LocalRunner.run. Failed pictures are retried after the others, on other machines if
        there are any."""
        waiting: Iterable[PictureJob] = (PictureJob(task=task) for task in tasks)
        while waiting:
            again: list[PictureJob] = []
            with closing(
                self._pool.map(self._pieces(waiting, is_stopped), self._receive)
            ) as outcomes:
                for each in outcomes:
                    if isinstance(each, PictureJob):
                        again.append(each)
                    else:
                        yield each
            waiting = again

    def _pieces(
        self, waiting: Iterable[PictureJob], is_stopped: Callable[[], bool]
    ) -> Iterator[WorkPiece[PictureJob]]:
        for each in waiting:
            if is_stopped():
                return
            if not each.earlier:  # else it is of this run
                with contextlib.suppress(OSError):
                    remove_file(self._folder.log_path(each.task), missing_ok=True)
            name = f"picture {each.task.name}"
            yield WorkPiece(item=each, payload=each.task.as_json, name=name, avoided=each.machine)

    def _receive(
        self, actor: Actor, piece: WorkPiece[PictureJob], sent: SentResult
    ) -> PictureOutcome | PictureJob:
        task = piece.item.task
        earlier = piece.item.earlier
        result = sent.result
        with contextlib.suppress(OSError):  # a full disk is reported by the next write
            self._folder.log_path(task).write_text(sent.log, encoding="utf-8")
        if isinstance(result, Failure):
            if not result.is_final:  # another machine may have a card or room on its disk
                result = Failure(reason=f"{actor.machine}: {result.reason}")
            if is_retried(result, len(earlier) + 1, self._retries):
                return PictureJob(
                    task=task, earlier=(*earlier, result.reason), machine=actor.machine
                )
            return PictureOutcome(task=task, result=result, earlier=earlier)
        try:
            staged = self._folder.staging(task)
            for path, content in sent.files.items():
                (staged / path).parent.mkdir(parents=True, exist_ok=True)
                (staged / path).write_bytes(content)
        except OSError as error:
            return PictureOutcome(
                task=task, result=failure_of(error, self._folder.path), earlier=earlier
            )
        attempt = FinishedAttempt(folder=staged, seconds=sent.seconds, picture=result)
        return PictureOutcome(task=task, result=attempt, earlier=earlier)


def _resources_for(
    jobs: int | None, machines: Sequence[Mapping[str, float]], cluster: str
) -> ActorResources:
    """`jobs`: pictures at the same time, None for as many as fit."""
    cores = [int(resources.get("CPU", 0)) for resources in machines]
    each = min(CORES_A_PICTURE, max(cores, default=1), sum(cores) // (jobs or 1))
    return resources_for(machines, cluster, device="cpu", threads=max(each, 1), max_actors=jobs)
