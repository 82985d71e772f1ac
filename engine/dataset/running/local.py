"""Runs pictures on this machine, in slots that each make one at a time, with one graphics card.
Each picture has a process of its own, forked where that is possible and a slot makes several."""

import logging
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from engine.dataset.running.attempt import HAS_FORK, PictureWorker
from engine.dataset.running.devices import device_environment, location_line
from engine.dataset.running.estimate import cores
from engine.dataset.running.folder import DatasetFolder
from engine.dataset.running.policy import (
    Failure,
    FinishedAttempt,
    PictureOutcome,
    failure_of,
    is_retried,
)
from engine.dataset.task import PictureTask
from engine.system.atomic_file import remove_file

POLL_INTERVAL_S = 0.1

log = logging.getLogger(__name__)


class LocalRunner:
    """Runs pictures in parallel. Its threads only wait for processes; the iterating thread handles
    results."""

    def __init__(
        self,
        folder: DatasetFolder,
        *,
        jobs: int,
        timeout_s: float,
        retries: int,
        is_long: bool,
        devices: tuple[int, ...] = (),
    ) -> None:
        """`is_long`: most slots make more than one picture. `devices`: numbers of graphics cards,
        taken in turn."""
        # line: "" for the default card
        self.jobs = jobs
        self.location_line = location_line(devices, jobs)
        self.devices = (
            tuple(devices[slot % len(devices)] for slot in range(jobs)) if devices else ()
        )  # of each job
        self._folder = folder
        self._timeout_s = timeout_s
        self._retries = retries
        threads = str(max(1, cores() // jobs))
        # Otherwise Mesa's rasteriser and NumPy would use all cores in every process. The pictures
        # are the same.
        environment = {"LP_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        self._is_closing = threading.Event()
        self._idle: queue.SimpleQueue[PictureWorker] = queue.SimpleQueue()
        for device in self.devices or (None,) * jobs:
            own = environment | device_environment(device)
            self._idle.put(
                PictureWorker(own, warm_log=folder.worker_log if HAS_FORK and is_long else None)
            )
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="picture")
        self.in_progress = 0  # number of pictures in progress

    def run(
        self, tasks: Iterable[PictureTask], is_stopped: Callable[[], bool]
    ) -> Iterator[PictureOutcome | None]:
        """Yield outcomes as they come, and None after every 0.1 s without one. Once `is_stopped`,
        no picture is started; those in progress are finished."""
        waiting = iter(tasks)
        running: set[Future[PictureOutcome]] = set()
        while True:
            for task in islice(waiting, 0 if is_stopped() else self.jobs - len(running)):
                running.add(self._pool.submit(self._make, task))
            self.in_progress = len(running)
            if not running:
                return
            done, running = wait(running, POLL_INTERVAL_S, return_when=FIRST_COMPLETED)
            self.in_progress = len(running)
            for future in done:
                yield future.result()
            if not done:
                yield None

    def close(self) -> None:
        """Kill the processes of pictures in progress."""
        self._is_closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().close()

    def _make(self, task: PictureTask) -> PictureOutcome:
        earlier: list[str] = []
        while True:
            result = self._attempt(task, is_first=not earlier)
            if (
                isinstance(result, FinishedAttempt)
                or self._is_closing.is_set()
                or not is_retried(result, len(earlier) + 1, self._retries)
            ):
                return PictureOutcome(task=task, result=result, earlier=tuple(earlier))
            earlier.append(result.reason)

    def _attempt(self, task: PictureTask, *, is_first: bool) -> FinishedAttempt | Failure:
        began_s = time.perf_counter()
        log_path = self._folder.log_path(task)
        worker = self._idle.get()
        try:
            if is_first:
                remove_file(log_path, missing_ok=True)
            staged = self._folder.staging(task)
            result = worker.attempt(
                task,
                staged,
                log_path,
                timeout_s=self._timeout_s,
                is_stopped=self._is_closing.is_set,
            )
        except OSError as error:
            log.info("an attempt at picture %s could not start", task.name, exc_info=True)
            return failure_of(error, self._folder.path)
        finally:
            self._idle.put(worker)
        if isinstance(result, Failure):
            shutil.rmtree(staged, ignore_errors=True)
            return result
        return FinishedAttempt(folder=staged, seconds=time.perf_counter() - began_s, picture=result)
