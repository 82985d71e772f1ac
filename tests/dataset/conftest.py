"""Processes that make pictures, shared by several runs of `multiverse dataset` so that tests start
fewer."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.dataset.running.attempt import EXITING_S, HAS_FORK, PictureWorker
from engine.dataset.task import PictureTask
from engine.system.worker_process import WorkerProcess

ONE_THREAD = {"LP_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
USERS = [f"engine.dataset.running.{module}.PictureWorker" for module in ("local", "single")]
WAITING: dict[bool, list[WorkerProcess]] = {True: [], False: []}  # by whether they are for recipe 1


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the waiting processes after the last test of the dataset: other tests count this
    process's children."""
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        for waiting in WAITING.values():
            while waiting:
                waiting.pop().end(EXITING_S)


@pytest.fixture(scope="module")
def warm_processes() -> Iterator[None]:
    """Let runs fork their pictures from processes of earlier runs, also of other files. Those have
    imported everything and have the environment and the limits of their time: a test of either
    needs `own_processes`."""

    class WarmWorker(PictureWorker):
        def __init__(self, environment: Mapping[str, str], **options: Any) -> None:
            super().__init__({**environment, **ONE_THREAD}, warm_log=Path(os.devnull))

        def attempt(self, task: PictureTask, *paths: Path, **options: Any) -> Any:
            self._waiting = WAITING[task.recipe_2 is None]
            if self._process is None and self._waiting:
                self._process = self._waiting.pop()
            return super().attempt(task, *(path.absolute() for path in paths), **options)

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
    """Let each run in this block start processes of its own, as outside the tests."""
    with pytest.MonkeyPatch.context() as patched:
        for user in USERS:
            patched.setattr(user, PictureWorker)
        yield
