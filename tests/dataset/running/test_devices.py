"""--devices: a mistake is reported before anything is written; without it, each job gets one of
several cards."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import RenderSettings, make_dataset
from engine.dataset.job import DatasetJob, parse_devices
from engine.dataset.running import devices
from engine.dataset.running.devices import device_environment, devices_of
from engine.dataset.running.folder import DatasetFolder
from engine.dataset.running.local import LocalRunner
from engine.dataset.running.run import open_runner
from engine.errors import UsageError
from engine.render.egl_devices import GPU_VARIABLE, list_egl_devices
from tests.dataset.running.small_runs import small_job
from tests.support.needed import needs


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"devices": (0, 1), "jobs": 1},
            r"^--devices 0,1: a job uses one device; give --jobs 2 or fewer devices$",
        ),
        (
            {"devices": (0,), "cluster": "auto"},
            r"^--devices 0: is for .*; leave it or --cluster out$",
        ),
        (
            {"devices": (0,), "drawing": RenderSettings(engine="cycles", use_gpu=False)},
            r"^--devices 0: has no effect with --no-use-gpu",
        ),
        pytest.param(
            {"devices": (99,)},
            r"^--devices 99: EGL has no such device \(available: 0 ",
            marks=[pytest.mark.only_on("linux", reason="EGL"), needs("OpenGL")],
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


@pytest.fixture
def environment_of(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The environment of each job's processes, which are not started."""
    environments: list[dict[str, str]] = []

    class Listed:
        def __init__(self, environment: dict[str, str], *, warm_log: Path | None) -> None:
            environments.append(environment)

        def close(self) -> None: ...

    monkeypatch.setattr("engine.dataset.running.local.PictureWorker", Listed)
    return environments


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DatasetJob]:
    """`machine(cards=, egl=, cycles=, **job)`: with so many cards of NVIDIA's, EGL's numbers of
    them, and Cycles'."""

    def make(*, cards: int, egl: str = "", cycles: int = 0, **values: Any) -> DatasetJob:
        folder = tmp_path / f"gpus {cards}"
        for card in range(cards):
            (folder / str(card)).mkdir(parents=True, exist_ok=True)
        for name in devices.CHOSEN:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(devices.sys, "platform", "linux")
        monkeypatch.setattr(devices, "CARDS", folder)
        monkeypatch.setattr(devices, "_call_in_process", lambda call, environment: egl)
        monkeypatch.setattr(devices, "find_blender", lambda blender: None)
        monkeypatch.setattr(devices, "query_blender", lambda blender: {"gpus": ["a card"] * cycles})
        return small_job(tmp_path / "out", **values)

    return make


def test_jobs_take_the_devices_in_turn(
    tmp_path: Path, environment_of: list[dict[str, str]]
) -> None:
    folder = DatasetFolder(tmp_path / "out")
    runner = LocalRunner(folder, jobs=3, timeout_s=60.0, retries=0, is_long=True, devices=(4, 7))
    runner.close()
    folder.close()
    expected = [device_environment(device) for device in (4, 7, 4)]
    assert all(
        device.items() <= own.items() for device, own in zip(expected, environment_of, strict=True)
    )
    assert runner.devices == (4, 7, 4) and runner.location_line.endswith(
        " on device 4 (jobs 1, 3), device 7 (job 2)"
    )


@pytest.mark.only_on("linux", reason="EGL")
def test_without_a_choice_each_job_gets_one_of_several_cards(
    tmp_path: Path,
    environment_of: list[dict[str, str]],
    machine: Callable[..., DatasetJob],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = machine(cards=3, egl="0 2 3", jobs=4)
    folder = DatasetFolder(tmp_path / "out")
    open_runner(job, folder, 10).close()
    folder.close()
    assert [own[GPU_VARIABLE] for own in environment_of] == ["0", "2", "3", "0"]
    assert devices_of(job, 2) == (0, 2)
    assert devices_of(machine(cards=3, egl="0 2 3", devices=(3,)), 4) == (3,), (
        "a choice counts more"
    )
    cycles, cpu = (RenderSettings(engine="cycles", use_gpu=use_gpu) for use_gpu in (None, False))
    assert devices_of(machine(cards=2, cycles=2, drawing=cycles), 3) == (0, 1)
    for used, jobs in (
        (machine(cards=0), 4),
        (machine(cards=1, egl="0"), 4),
        (machine(cards=2, egl="0 1"), 1),
        (machine(cards=2, egl="its driver crashed"), 4),
        (machine(cards=2, egl="0"), 4),
        (machine(cards=2, cycles=2, drawing=cpu), 4),
    ):
        assert devices_of(used, jobs) == ()
    assert devices_of(machine(cards=4, cycles=4, drawing=cycles), 2) == (), (
        "one picture uses all of them"
    )
    for name in devices.CHOSEN:
        several = machine(cards=2, egl="0 1")
        monkeypatch.setenv(name, "1")
        assert devices_of(several, 4) == ()


@pytest.mark.only_on("linux", reason="EGL")
def test_the_cards_of_this_machine_are_listed_by_a_process_of_their_own() -> None:
    cards = [device.index for device in list_egl_devices() if device.is_cuda]
    assert devices._call_in_process("list_cards()", {}).split() == list(map(str, cards))
