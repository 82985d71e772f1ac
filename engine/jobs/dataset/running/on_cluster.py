"""Pictures on the machines of a Ray cluster: a task each, in a process that ends with it (`max_calls=1`).

What a task made travels home as bytes, so that no machine but this one needs the folder. Ray tries a task again whose
process died or that raised, also one that ended itself because it took too long; one that cannot even do that is ended
by us and given out anew.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.errors import ChildError
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.running.cluster_task import NotMadeError, make_files
from engine.jobs.dataset.running.folder import DatasetFolder
from engine.jobs.dataset.running.outcome import Attempted, Outcome
from engine.jobs.dataset.running.policy import Failure, failure_of
from engine.jobs.dataset.task import PictureTask
from engine.jobs.kit.ray_cluster import Connection, connect, ray_reason
from engine.system.atomic_file import remove_file

POLL_INTERVAL_S = 0.1
CANCELLED_S = 30.0
QUEUE_S = 3600.0  # that a busy cluster may let a picture wait before it begins
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
            machines = [int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]]
            each = min(CORES_A_PICTURE, max(machines, default=1))
            if job.jobs is not None:
                each = min(each, sum(machines) // job.jobs)
            each = max(each, 1)
            self.jobs = job.jobs or max(1, sum(cores // each for cores in machines))
            self.words = f"pictures are made on {self._connection.words}"
            remote = self._ray.remote(
                max_calls=1,
                num_cpus=each,
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
            done, _ = self._ray.wait(list(self._sent), num_returns=1, timeout=POLL_INTERVAL_S)
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
        with contextlib.suppress(OSError):  # of an earlier run; what cannot be written is told when it comes home
            remove_file(self._folder.log_path(sent.task), missing_ok=True)
        self._sent[self._make.remote(sent.task.as_json(), self._timeout_s)] = sent

    def _taken(self, ref: Any, sent: Sent) -> Outcome | None:
        """None where it is tried again."""
        try:
            result = self._ray.get(ref)
            self._keep_log(sent, result.pop("log"))
            files = result.pop("files")
            if "failure" in result:
                return Outcome(task=sent.task, attempts=1 + sent.hung, failure=Failure(**result["failure"]))
            staged = self._folder.staging(sent.task)
            for name, content in files.items():
                (staged / name).write_bytes(content)
        except self._ray.exceptions.RayError as error:  # before OSError: Ray's may be both
            if sent.is_cancelled and sent.hung <= self._retries:
                self._send(sent)
                return None
            failure = Failure(reason=self._reason(error, sent))
        except OSError as error:
            failure = failure_of(error, self._folder.path)
        else:
            made = Attempted(folder=staged, seconds=result["seconds"], values=result["made"])
            return Outcome(task=sent.task, attempts=1 + sent.hung, made=made)
        tried = 1 if failure.ends_run else 1 + self._retries
        return Outcome(task=sent.task, attempts=tried, failure=failure)

    def _reason(self, error: Exception, sent: Sent) -> str:
        if sent.is_cancelled:
            return f"hung: no picture after {self._timeout_s:g} s (--timeout); killed"
        cause = getattr(error, "cause", None)
        if isinstance(cause, NotMadeError):
            self._keep_log(sent, cause.log)
            return cause.reason
        return f"its process died, or took longer than {self._timeout_s:g} s (--timeout): {ray_reason(error)}"

    def _keep_log(self, sent: Sent, log: str) -> None:
        with contextlib.suppress(OSError):  # a full disk is told by what is written next
            self._folder.log_path(sent.task).write_text(log, encoding="utf-8")

    def _end_hung(self) -> None:
        """Tasks end themselves; this is for those that cannot, and counts what Ray lets them wait."""
        now_s = time.perf_counter()
        allowed_s = self._timeout_s * (1 + self._retries) + QUEUE_S
        for ref, sent in self._sent.items():
            if not sent.is_cancelled and now_s - sent.began_s > allowed_s:
                sent.is_cancelled, sent.hung = True, sent.hung + 1
                self._ray.cancel(ref, force=True)
            elif sent.is_cancelled and now_s - sent.began_s > allowed_s + CANCELLED_S:
                raise ChildError(f"picture {sent.task.name} hangs on the cluster and cannot be ended; see: ray status")
