"""Pictures on the machines of a Ray cluster: one task and one process per picture.

A picture's files are sent back as bytes, so only this machine needs the folder.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.running.cluster_task import NotMadeError, make_files
from engine.jobs.dataset.running.folder import DatasetFolder
from engine.jobs.dataset.running.outcome import Attempted, PictureOutcome
from engine.jobs.dataset.running.policy import Failure, failure_of
from engine.jobs.dataset.task import PictureTask
from engine.jobs.kit.ray_cluster import connect, ray_reason
from engine.jobs.kit.ray_pool import EndedTask, TaskPool
from engine.system.atomic_file import remove_file

QUEUE_TIMEOUT_S = 3600.0  # maximum wait of a picture in the queue of a busy cluster
PIXEL_BYTES, ARRAYS_PIXEL_BYTES = 3, 9  # upper bound of a picture's files
CORES_A_PICTURE = 2  # one CPU renderer uses them all; more pictures in parallel would only need more memory


class ClusterRunner:
    """A Runner on a cluster. Single-threaded."""

    def __init__(self, folder: DatasetFolder, job: DatasetJob, *, timeout_s: float) -> None:
        """UsageError or ChildError, in one line, if there is no such cluster."""
        self._folder, self._timeout_s, self._retries = folder, timeout_s, job.retries
        pixel_bytes = PIXEL_BYTES + (ARRAYS_PIXEL_BYTES if job.save_hdf5 else 0)
        self._connection = connect(
            job.cluster or "auto", actor_bytes=job.options.width * job.options.height * pixel_bytes
        )
        self.words = f"pictures are made on {self._connection.words}"
        try:
            self._pool = TaskPool[PictureTask](
                self._connection,
                make_files,
                arguments=self._arguments,
                name=lambda task: f"picture {task.name}",
                max_cores=CORES_A_PICTURE,
                jobs=job.jobs,
                retries=job.retries,
                retry_on=NotMadeError,
                deadline_s=timeout_s * (1 + job.retries) + QUEUE_TIMEOUT_S,
            )
        except BaseException:
            self._connection.close()
            raise
        self.jobs = self._pool.jobs

    @property
    def at_work(self) -> int:
        return self._pool.at_work

    def run(self, tasks: Iterable[PictureTask], is_stopped: Callable[[], bool]) -> Iterator[PictureOutcome | None]:
        """See Runner."""
        for ended in self._pool.run(tasks, is_stopped):
            yield None if ended is None else self._outcome(ended)

    def close(self) -> None:
        """Kill the tasks in progress and disconnect."""
        self._pool.close()
        self._connection.close()

    def _arguments(self, task: PictureTask) -> tuple[str, float]:
        # remove the log of an earlier run; a full disk is reported when the files arrive
        with contextlib.suppress(OSError):
            remove_file(self._folder.log_path(task), missing_ok=True)
        return task.as_json(), self._timeout_s

    def _outcome(self, ended: EndedTask[PictureTask]) -> PictureOutcome:
        task, attempts = ended.task, 1 + ended.cancelled
        if ended.error is not None:
            return self._failed(task, Failure(reason=self._reason(ended, ended.error)))
        result = ended.value
        self._keep_log(task, result["log"])
        if "failure" in result:
            return PictureOutcome(task=task, attempts=attempts, failure=Failure(**result["failure"]))
        try:
            staged = self._folder.staging(task)
            for path, content in result["files"].items():
                (staged / path).parent.mkdir(parents=True, exist_ok=True)
                (staged / path).write_bytes(content)
        except OSError as error:
            return self._failed(task, failure_of(error, self._folder.path))
        made = Attempted(folder=staged, seconds=result["seconds"], values=result["made"])
        return PictureOutcome(task=task, attempts=attempts, made=made)

    def _failed(self, task: PictureTask, failure: Failure) -> PictureOutcome:
        return PictureOutcome(task=task, attempts=1 if failure.ends_run else 1 + self._retries, failure=failure)

    def _reason(self, ended: EndedTask[PictureTask], error: Exception) -> str:
        if ended.has_hung:
            return f"hung: no picture after {self._timeout_s:g} s (--timeout); killed"
        cause: Any = getattr(error, "cause", None)
        if isinstance(cause, NotMadeError):
            self._keep_log(ended.task, cause.log)
            return cause.reason
        return f"its process died, or took longer than {self._timeout_s:g} s (--timeout): {ray_reason(error)}"

    def _keep_log(self, task: PictureTask, log: str) -> None:
        with contextlib.suppress(OSError):  # a full disk is reported by the next write
            self._folder.log_path(task).write_text(log, encoding="utf-8")
