"""Small pictures, made by the real engine in real processes, about 1 s each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import DatasetReport, make_dataset
from tests.dataset.running.small_runs import small_job


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., DatasetReport]:
    """`make(count=3, **values)` runs a job into `out`; `messages` receives the messages,
    `on_progress` the progress."""

    def run(
        output: Path | None = None, *, messages: list[str] | None = None, **values: Any
    ) -> DatasetReport:
        followed = {
            name: values.pop(name) for name in ("on_progress", "is_stopped") if name in values
        }
        received = [] if messages is None else messages
        return make_dataset(
            small_job(output or tmp_path / "out", **values), on_message=received.append, **followed
        )

    return run
