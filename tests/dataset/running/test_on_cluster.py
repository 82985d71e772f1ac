"""A dataset on a cluster without Ray. Those on a real one are in tests/jobs/test_on_ray.py."""

import importlib.util
import os
import re
import tempfile
from pathlib import Path

import pytest

from engine.dataset import make_dataset
from engine.dataset.running.on_cluster import PictureMaker
from engine.dataset.running.policy import Failure
from engine.errors import UsageError
from engine.system.installing import install_line
from tests.dataset.running.small_runs import small_job


def test_without_ray_the_error_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        make_dataset(small_job(tmp_path / "out", cluster="auto"))
    assert (
        str(caught.value) == f"--cluster needs ray; get it with: {install_line('[cluster]')}"
        and os.listdir(tmp_path) == []
    )


def test_a_machine_without_a_folder_for_temporary_files_costs_a_try_and_not_its_actor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    sent = PictureMaker(timeout_s=60.0, threads=1).process(
        small_job(tmp_path / "out").task(0).as_json()
    )
    assert isinstance(sent.result, Failure) and not sent.result.is_final
    assert re.fullmatch(r"multiverse-picture-\w+: No such file or directory.*", sent.result.reason)
