"""Pictures on the machines of a Ray cluster: a task each, in a process that ends with it (`max_calls=1`).

What a task made travels home as bytes, so that no machine but this one needs the folder. Ray tries a task again whose
process died or that raised; one that hangs is told to end by us, and given out anew.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.cluster.connection import Connection, connect, ray_reason
from engine.dataset.job import DatasetJob
from engine.dataset.running.cluster_task import NotMadeError, make_files
from engine.dataset.running.folder import DatasetFolder
from engine.dataset.running.outcome import Attempted, Outcome
from engine.dataset.running.policy import Failure, failure_of
from engine.dataset.task import PictureTask
from engine.errors import ChildError

LOOKS_EVERY_S = 0.1
CANCELLED_S = 30.0
PIXEL_BYTES, ARRAYS_PIXEL_BYTES = 3, 9  # of what travels home, at most
CORES_A_PICTURE = 2  # a renderer on a CPU fills them; more pictures at once only need more memory


@dataclass(slots=True, kw_only=True, eq=False)
class Sent:
    task: PictureTask
    began_s: float
    hung: int = 0
    """Attempts that were ended by us."""
    is_cancelled: bool = False


class ClusterRunner:
    """One thread."""

    def __init__(self, folder: DatasetFolder, job: DatasetJob, *, timeout_s: float) -> None:
        """UsageError or ChildError, in one line, where there is no such cluster."""
        self._folder, self._timeout_s, self._retries = folder, timeout_s, job.retries
        pixel_bytes = PIXEL_BYTES + (ARRAYS_PIXEL_BYTES if job.save_hdf5 else 0)
        self._connection: Connection = connect(
            job.cluster or "auto", actor_bytes=job.options.width * job.options.height * pixel_bytes
        )
        self._ray: Any = self._connection.ray
        try:
            cores = int(self._ray.cluster_resources().get("CPU", 1))
            self.jobs = job.jobs or max(1, cores // CORES_A_PICTURE)
            self.words = f"{self._connection.words}, {self.jobs} at a time"
            remote = self._ray.remote(
                max_calls=1,
                num_cpus=min(max(1, cores // self.jobs), CORES_A_PICTURE),
                max_retries=job.retries,
                retry_exceptions=[NotMadeError],
                scheduling_strategy="SPREAD",
            )
            self._make = remote(make_files)
        except BaseException:
            self._connection.close()
            raise
        self._sent: dict[Any, Sent] = {}

    @property
    def at_work(self) -> int:
        return len(self._sent)

    def run(self, tasks: Iterable[PictureTask], is_stopped: Callable[[], bool]) -> Iterator[Outcome | None]:
        """As LocalRunner."""
        waiting, is_dry = iter(tasks), False
        while True:
            while not is_dry and len(self._sent) < self.jobs and not is_stopped():
                task = next(waiting, None)
                is_dry = task is None
                if task is not None:
                    self._send(Sent(task=task, began_s=time.perf_counter()))
            if not self._sent:
                return
            done, _ = self._ray.wait(list(self._sent), num_returns=1, timeout=LOOKS_EVERY_S)
            for ref in done:
                outcome = self._taken(ref, self._sent.pop(ref))
                if outcome is not None:
                    yield outcome
            if not done:
                self._end_hung()
                yield None

    def close(self) -> None:
        """What is at work is given up."""
        for ref in self._sent:
            self._ray.cancel(ref, force=True)
        self._sent.clear()
        self._connection.close()

    def _send(self, sent: Sent) -> None:
        sent.began_s, sent.is_cancelled = time.perf_counter(), False
        self._sent[self._make.remote(sent.task.as_json())] = sent

    def _taken(self, ref: Any, sent: Sent) -> Outcome | None:
        """None where it is tried again."""
        seconds = time.perf_counter() - sent.began_s
        try:
            result = self._ray.get(ref)
            staged = self._folder.staging(sent.task)
            for name, content in result.pop("files").items():
                (staged / name).write_bytes(content)
            self._folder.log_path(sent.task).write_text(result.pop("log"), encoding="utf-8")
        except OSError as error:
            failure = failure_of(error)
        except self._ray.exceptions.RayError as error:
            failure = self._failure(error, sent)
            if sent.is_cancelled and sent.hung <= self._retries:
                self._send(sent)
                return None
        else:
            if "failure" in result:
                failure = Failure(**result["failure"])
            else:
                made = Attempted(folder=staged, seconds=seconds, values=result["made"])
                return Outcome(task=sent.task, attempts=1 + sent.hung, made=made)
        tried = 1 + (0 if failure.is_final or failure.ends_run else self._retries)
        return Outcome(task=sent.task, attempts=tried, failure=failure)

    def _failure(self, error: Exception, sent: Sent) -> Failure:
        if sent.is_cancelled:
            return Failure(reason=f"hung: no picture after {self._timeout_s:g} s (--timeout); killed")
        cause = getattr(error, "cause", None)
        if isinstance(cause, NotMadeError):
            return Failure(reason=str(cause))
        return Failure(reason=ray_reason(error))

    def _end_hung(self) -> None:
        now_s = time.perf_counter()
        for ref, sent in self._sent.items():
            if not sent.is_cancelled and now_s - sent.began_s > self._timeout_s:
                sent.is_cancelled, sent.hung = True, sent.hung + 1
                self._ray.cancel(ref, force=True)
            elif sent.is_cancelled and now_s - sent.began_s > self._timeout_s + CANCELLED_S:
                raise ChildError(f"picture {sent.task.name} hangs on the cluster and cannot be ended; see: ray status")
