"""A dataset on a cluster without Ray. Those on a real one are in tests/jobs/test_on_ray.py."""

import importlib.util
import os
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.jobs.dataset import make_dataset
from engine.jobs.kit.ray_cluster import INSTALL
from tests.jobs.dataset.running.small_runs import small_job


def test_without_ray_the_error_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        make_dataset(small_job(tmp_path / "out", cluster="auto"))
    assert str(caught.value) == INSTALL and os.listdir(tmp_path) == []
