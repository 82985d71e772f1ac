"""Runs disk access in worker threads, so that a slow or hung disk blocks no other thread.

A disk may take seconds or never answer (a network home that hangs). With one thread for all files,
one hung folder would stop the writes of every other. So a `DiskStore` has one worker thread per
folder, shared by the files in it: a daemon, so that a disk that never answers delays neither the
show nor the exit.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from engine.errors import MultiverseError, in_one_line
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from osc_schema import Rejected

log = logging.getLogger(__name__)

Job = Callable[[], object]
Fail = Callable[[str], None]
"""`fail(reason)` is called if the job failed or was refused."""

MAX_S = 5.0
"""Timeout for one job, and for all queued jobs of a queue that is closed."""
MAX_POLL_AT_END_S = 0.5  # timeout for a poll that is running when its queue is closed
POLL_INTERVAL_S = 2.0
MAX_WAITING = 1000


class DiskStore:
    """The worker threads of one engine, by folder. Any thread."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._workers: dict[Path, _Worker] = {}

    def open(
        self,
        name: str,
        folder: Path,
        *,
        poll: Job | None = None,
        poll_interval_s: float = POLL_INTERVAL_S,
        first_poll_s: float = 0.0,
    ) -> "DiskQueue":
        """Open a queue of jobs for `folder`; starts its worker if this is the first queue. Never
        waits for the disk. `name` is the key of its warnings. `poll` is called after
        `first_poll_s`, then every `poll_interval_s` (2 s)."""
        folder = folder.absolute()
        queue = DiskQueue(
            name, folder, self._report, poll, poll_interval_s, time.perf_counter() + first_poll_s
        )
        with self._lock:
            worker = self._workers.get(folder)
            if worker is None or not worker.add(queue):
                worker = self._workers[folder] = _Worker(folder, self._report)
                worker.add(queue)
                worker.start()
        queue.worker = worker
        return queue


class DiskQueue:
    """Jobs of one part of the engine in one folder, done in the order in which they were posted.
    Any thread."""

    worker: "_Worker"

    def __init__(
        self,
        name: str,
        folder: Path,
        report: Report,
        poll: Job | None,
        interval_s: float,
        poll_at_s: float,
    ) -> None:
        self.name = name
        self.has_polled = threading.Event()
        """Set after the first poll."""
        self.guard = Guard(log, report, name, f"{name}: disk access failed")
        self.poll = poll
        self.interval_s = interval_s
        self.poll_at_s = poll_at_s
        self.waiting = 0
        """Number of unfinished jobs. Guarded by the worker's lock, like the fields of the poll."""
        self.report_failure: Fail = partial(report, name)
        self._folder = folder

    def post(self, job: Job, fail: Fail) -> None:
        """Queue `job` for the disk's thread. If it raises, `fail(reason)` is called on the worker;
        if the disk does not answer or too many jobs are waiting, `fail` is called before this
        returns."""
        if reason := self.worker.post(self, job, fail):
            fail(reason)

    def close(self) -> None:
        """End the polling and wait until all posted jobs are done; after 5 s abandon the rest with
        a report."""
        if left := self.worker.remove(self):
            silent = f"{self._folder}: the disk has not answered for {MAX_S:g} s"
            self.report_failure(f"{silent}; {left} unfinished jobs are abandoned")

    def run(self, job: Job, fail: Fail) -> None:
        """Run one job; its errors go to `fail`. The worker's thread."""

        def attempt() -> None:
            try:
                job()
            except (MultiverseError, Rejected) as error:
                fail(str(error))
            except OSError as error:
                fail(in_one_line(error))

        self.guard.attempt(
            attempt, lambda error: fail(f"internal error: {type(error).__name__} (see the log)")
        )


class _Worker:
    """The thread of one folder. It ends when its last queue is closed and no job is left."""

    def __init__(self, folder: Path, report: Report) -> None:
        self._changed = threading.Condition()
        self._queues: list[DiskQueue] = []
        self._jobs: deque[tuple[DiskQueue, Job, Fail]] = deque()
        """The first may be running."""
        self._polled: DiskQueue | None = None
        self._busy_since_s: float | None = None
        self._is_over = False
        self._thread = GuardedThread(
            f"disk {folder.name}", self._run, Guard(log, report, "disk", f"{folder}: disk")
        )

    def start(self) -> None:
        self._thread.start()

    def add(self, queue: DiskQueue) -> bool:
        """False if the thread has ended, so that another one is needed."""
        with self._changed:
            if not self._is_over:
                self._queues.append(queue)
                self._changed.notify_all()
            return not self._is_over

    def post(self, queue: DiskQueue, job: Job, fail: Fail) -> str:
        """Queue a job; the reason if it is refused, else ""."""
        since_s = self._busy_since_s
        if since_s is not None and (waited_s := time.perf_counter() - since_s) > MAX_S:
            return f"the disk has not answered for {waited_s:.0f} s"
        with self._changed:
            if queue.waiting >= MAX_WAITING:
                return f"{MAX_WAITING} jobs are already waiting for the disk"
            queue.waiting += 1
            self._jobs.append((queue, job, fail))
            self._changed.notify_all()
        return ""

    def remove(self, queue: DiskQueue) -> int:
        """Wait for the jobs of a queue, then forget it. Returns the number of unfinished jobs."""
        with self._changed:
            queue.poll = None
            if self._changed.wait_for(lambda: not queue.waiting, MAX_S):
                self._changed.wait_for(lambda: self._polled is not queue, MAX_POLL_AT_END_S)
            if queue in self._queues:
                self._queues.remove(queue)
            self._changed.notify_all()
            return queue.waiting

    # -- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._jobs or self._next_poll_s() <= 0.0):
                    if not self._queues:
                        self._is_over = True
                        return
                    self._changed.wait(min(self._next_poll_s(), threading.TIMEOUT_MAX))
                self._polled = self._due_poll()
            self._busy_since_s = time.perf_counter()
            if self._polled is not None:
                self._poll(self._polled)
            else:
                queue, job, fail = self._jobs[0]
                queue.run(job, fail)
                with self._changed:
                    self._jobs.popleft()
                    queue.waiting -= 1
                    self._changed.notify_all()
            self._busy_since_s = None

    def _poll(self, queue: DiskQueue) -> None:
        poll = queue.poll
        if poll is not None:
            queue.run(poll, queue.report_failure)
        with self._changed:
            queue.poll_at_s = time.perf_counter() + queue.interval_s
            self._polled = None
            self._changed.notify_all()
        queue.has_polled.set()

    def _next_poll_s(self) -> float:
        """Seconds until the next poll. The caller holds the lock."""
        due_s = min(
            (queue.poll_at_s for queue in self._queues if queue.poll is not None),
            default=float("inf"),
        )
        return due_s - time.perf_counter()

    def _due_poll(self) -> DiskQueue | None:
        """The caller holds the lock."""
        now_s = time.perf_counter()
        return next(
            (
                queue
                for queue in self._queues
                if queue.poll is not None and queue.poll_at_s <= now_s
            ),
            None,
        )
