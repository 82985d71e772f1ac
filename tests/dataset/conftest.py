"""Processes that make the pictures of several runs."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.dataset.running.attempt import EXITING_S, HAS_FORK, PictureWorker
from engine.dataset.task import PictureTask
from engine.system.worker_process import WorkerProcess

ONE_THREAD = {"LP_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
WITHOUT_EFFECT = ("PYTEST_CURRENT_TEST", "PATH", "MULTIVERSE_HOME", "MULTIVERSE_BLENDER")  # on what a process draws
USERS = [f"engine.dataset.running.{module}.PictureWorker" for module in ("local", "single")]
Waiting = defaultdict[tuple[frozenset[tuple[str, str]], bool], list[WorkerProcess]]


@pytest.fixture(scope="session")
def waiting_processes() -> Iterator[Waiting]:
    """By environment, and whether they are for recipe 1."""
    waiting: Waiting = defaultdict(list)
    yield waiting
    for process in (each for processes in waiting.values() for each in processes):
        process.end(EXITING_S)


@pytest.fixture(scope="module")
def warm_processes(waiting_processes: Waiting) -> Iterator[None]:
    """Runs fork their pictures from processes of earlier runs, also of other files, which have imported everything."""

    class WarmWorker(PictureWorker):
        """Its process is for one environment and one recipe."""

        def __init__(self, environment: Mapping[str, str], **options: Any) -> None:
            super().__init__({**environment, **ONE_THREAD}, warm_log=Path(os.devnull))
            ours = {name: value for name, value in os.environ.items() if name not in WITHOUT_EFFECT}
            self._key = frozenset((ours | dict(self._environment)).items())

        def attempt(self, task: PictureTask, *places: Path, **options: Any) -> Any:
            self._waiting = waiting_processes[self._key, task.recipe_2 is None]
            if self._process is None and self._waiting:
                self._process = self._waiting.pop()
            return super().attempt(task, *(place.absolute() for place in places), **options)

        def close(self) -> None:
            if self._process is not None:
                self._waiting.append(self._process)
                self._process = None

    with pytest.MonkeyPatch.context() as patched:
        for user in USERS if HAS_FORK else ():
            patched.setattr(user, WarmWorker)
        yield


@contextmanager
def own_processes() -> Iterator[None]:
    """Meanwhile each run has processes of its own, as outside the tests."""
    with pytest.MonkeyPatch.context() as patched:
        for user in USERS:
            patched.setattr(user, PictureWorker)
        yield
