"""Stateless tasks on a Ray cluster: one process per task, which ends with it (`max_calls=1`).

Ray retries a task whose process died or which raised an error of the given type, if possible on another machine. A task
should end itself after a timeout. One that hangs beyond that is cancelled by the pool and sent again.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine.errors import ChildError
from engine.jobs.kit.ray_cluster import Connection
from engine.jobs.kit.ray_pool import machine_resources

POLL_INTERVAL_S = 0.1
CANCEL_TIMEOUT_S = 30.0

Task = TypeVar("Task")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTask(Generic[Task]):
    task: Task
    value: Any = None
    """The function's result, if there is no error."""
    error: Exception | None = None
    """Ray's error after all retries; its `cause` is the error that the function raised, if any."""
    cancelled: int = 0
    """Attempts that hung and were cancelled by the pool."""
    has_hung: bool = False
    """True if the last attempt hung and was cancelled."""


@dataclass(slots=True, kw_only=True, eq=False)
class _SentTask(Generic[Task]):
    task: Task
    began_s: float = 0.0
    cancelled: int = 0
    is_cancelled: bool = False


class TaskPool(Generic[Task]):
    """Runs one function for many tasks. Single-threaded."""

    def __init__(
        self,
        connection: Connection,
        function: Callable[..., Any],
        *,
        arguments: Callable[[Task], tuple[Any, ...]],
        name: Callable[[Task], str],
        max_cores: int,
        jobs: int | None,
        retries: int,
        retry_on: type[Exception],
        deadline_s: float,
    ) -> None:
        """`arguments` is called before each attempt that the pool sends; `name` gives a task's name in errors.

        `jobs`: concurrent tasks, None for as many as fit; each gets at most `max_cores` cores. `deadline_s`: time from
        sending a task to cancelling it, including its wait in Ray's queue and Ray's retries.
        """
        self._ray, self._arguments, self._name = connection.ray, arguments, name
        self._retries, self._deadline_s = retries, deadline_s
        machines = [int(resources.get("CPU", 0)) for resources in machine_resources(self._ray)]
        each = min(max_cores, max(machines, default=1))
        if jobs is not None:
            each = min(each, sum(machines) // jobs)
        each = max(each, 1)
        self.jobs = jobs or max(1, sum(cores // each for cores in machines))
        remote = self._ray.remote(
            max_calls=1,
            num_cpus=each,
            max_retries=retries,
            retry_exceptions=[retry_on],
            scheduling_strategy="SPREAD",
        )
        self._function = remote(function)
        self._sent: dict[Any, _SentTask[Task]] = {}

    @property
    def at_work(self) -> int:
        """Number of tasks in flight."""
        return len(self._sent)

    def run(self, tasks: Iterable[Task], is_stopped: Callable[[], bool]) -> Iterator[EndedTask[Task] | None]:
        """Yield tasks as they end, in any order, and None after every 0.1 s without one.

        Once `is_stopped`, no task is started; those in flight are finished. ChildError for one that cannot be
        cancelled.
        """
        waiting, is_dry = iter(tasks), False
        while True:
            while not is_dry and len(self._sent) < self.jobs and not is_stopped():
                task = next(waiting, None)
                is_dry = task is None
                if task is not None:
                    self._send(_SentTask(task=task))
            if not self._sent:
                return
            done, _ = self._ray.wait(list(self._sent), num_returns=1, timeout=POLL_INTERVAL_S)
            for ref in done:
                ended = self._take(ref, self._sent.pop(ref))
                if ended is not None:
                    yield ended
            if not done:
                self._cancel_hung()
                yield None

    def close(self) -> None:
        """Kill the tasks in flight. Idempotent."""
        for ref in self._sent:
            self._ray.cancel(ref, force=True)
        self._sent.clear()

    def _send(self, sent: _SentTask[Task]) -> None:
        sent.began_s, sent.is_cancelled = time.perf_counter(), False
        self._sent[self._function.remote(*self._arguments(sent.task))] = sent

    def _take(self, ref: Any, sent: _SentTask[Task]) -> EndedTask[Task] | None:
        """The ended task, or None if it was cancelled and sent again."""
        try:
            value = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            if sent.is_cancelled and sent.cancelled <= self._retries:
                self._send(sent)
                return None
            return EndedTask(task=sent.task, error=error, cancelled=sent.cancelled, has_hung=sent.is_cancelled)
        return EndedTask(task=sent.task, value=value, cancelled=sent.cancelled)

    def _cancel_hung(self) -> None:
        now_s = time.perf_counter()
        for ref, sent in self._sent.items():
            waited_s = now_s - sent.began_s
            if not sent.is_cancelled and waited_s > self._deadline_s:
                sent.is_cancelled = True
                sent.cancelled += 1
                self._ray.cancel(ref, force=True)
            elif sent.is_cancelled and waited_s > self._deadline_s + CANCEL_TIMEOUT_S:
                raise ChildError(f"{self._name(sent.task)} hangs on the cluster and cannot be ended; see: ray status")
