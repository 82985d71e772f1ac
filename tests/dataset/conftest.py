"""Processes that make the pictures of several runs."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.dataset.running.attempt import EXITING_S, HAS_FORK, PictureWorker
from engine.dataset.task import PictureTask
from engine.system.worker_process import WorkerProcess


@pytest.fixture(scope="module")
def warm_processes() -> Iterator[None]:
    """Runs of this file fork their pictures from processes of earlier runs, which have imported everything."""
    waiting: defaultdict[tuple[frozenset[tuple[str, str]], bool], list[WorkerProcess]] = defaultdict(list)

    class WarmWorker(PictureWorker):
        """Its process is for one environment and one recipe."""

        def __init__(self, environment: Mapping[str, str], **options: Any) -> None:
            super().__init__(environment, warm_log=Path(os.devnull))
            ours = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
            self._key = frozenset((ours | dict(environment)).items())

        def attempt(self, task: PictureTask, *places: Any, **options: Any) -> Any:
            self._waiting = waiting[self._key, task.recipe_2 is None]
            if self._process is None and self._waiting:
                self._process = self._waiting.pop()
            return super().attempt(task, *places, **options)

        def close(self) -> None:
            if self._process is not None:
                self._waiting.append(self._process)
                self._process = None

    with pytest.MonkeyPatch.context() as patched:
        if HAS_FORK:
            patched.setattr("engine.dataset.running.local.PictureWorker", WarmWorker)
            # The same threads, and so the same environment, for one job as for two.
            patched.setattr("engine.dataset.running.local.cores", lambda: 1)
        yield
    for process in (each for processes in waiting.values() for each in processes):
        process.end(EXITING_S)
