"""--devices: a mistake is told before anything is written."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UsageError
from engine.jobs.dataset import RenderSettings, make_dataset
from engine.jobs.dataset.job import parse_devices
from engine.jobs.dataset.running.devices import device_environment
from engine.jobs.dataset.running.folder import DatasetFolder
from engine.jobs.dataset.running.local import LocalRunner
from tests.jobs.dataset.running.small_runs import small_job


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"devices": (0, 1), "jobs": 1}, r"^--devices 0,1: a job uses one device; give --jobs 2 or fewer devices$"),
        ({"devices": (0,), "cluster": "auto"}, r"^--devices 0: is for .*; leave it or --cluster out$"),
        (
            {"devices": (0,), "drawing": RenderSettings(engine="cycles", use_gpu=False)},
            r"^--devices 0: has no effect with --no-use-gpu",
        ),
        pytest.param(
            {"devices": (99,)},
            r"^--devices 99: EGL has no such device \(available: 0 ",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="EGL"),
        ),
    ],
)
def test_devices_that_cannot_be_used_are_refused_before_anything_is_written(
    values: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        make_dataset(small_job(tmp_path / "out", **values))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("text", ["", "0,", "x", "-1", "0,0"])
def test_a_list_of_devices_is_of_different_whole_numbers(text: str) -> None:
    assert parse_devices("0, 2") == (0, 2)
    with pytest.raises(UsageError, match=rf"^--devices {text}: "):
        parse_devices(text)


def test_jobs_take_the_devices_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, str]] = []

    class Listed:
        def __init__(self, environment: dict[str, str], *, warm_log: Path | None) -> None:
            given.append(environment)

        def close(self) -> None: ...

    monkeypatch.setattr("engine.jobs.dataset.running.local.PictureWorker", Listed)
    folder = DatasetFolder(tmp_path / "out")
    LocalRunner(folder, jobs=3, timeout_s=60.0, retries=0, is_long=True, devices=(4, 7)).close()
    folder.close()
    wanted = [device_environment(device) for device in (4, 7, 4)]
    assert all(device.items() <= own.items() for device, own in zip(wanted, given, strict=True))
