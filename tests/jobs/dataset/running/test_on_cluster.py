"""Pictures on a real Ray of this machine alone."""

import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.errors import UsageError
from engine.jobs.dataset import make_dataset
from engine.jobs.kit.ray_cluster import INSTALL, connect
from tests.jobs.dataset.running.small_runs import contents, one_that_fits_and_one_that_does_not, small_job

TASK_NAME = "ray::make_files"


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        connection = connect("auto", cpus=2)
    yield connection.ray
    connection.close()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("local") / "out"
    make_dataset(small_job(folder, 2, save_coco=True, save_hdf5=True))
    return contents(folder)


def tasks() -> list[psutil.Process]:
    found = []
    for each in psutil.Process().children(recursive=True):
        try:
            if any(part.startswith(TASK_NAME) for part in each.cmdline()):
                found.append(each)
        except psutil.Error:
            continue
    return found


def test_a_cluster_makes_the_same_pictures_as_one_machine_each_in_its_own_process(
    ray: Any, local: dict[str, str], tmp_path: Path
) -> None:
    pids: set[int] = set()
    report = make_dataset(
        small_job(tmp_path / "out", 2, cluster="auto", jobs=1, save_coco=True, save_hdf5=True),
        tell=lambda progress: pids.update(process.pid for process in tasks()),
    )
    assert (report.made, report.missing) == (2, 0)
    assert contents(tmp_path / "out") == local
    assert len(pids) == 2
    assert "labels" in (tmp_path / "out" / "image_000001.log").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.soak)])
def test_a_task_that_dies_or_hangs_is_retried(
    ray: Any, local: dict[str, str], tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray retries a dead task silently; one that cannot even end itself is cancelled by us."""
    if number == signal.SIGSTOP and os.environ.get("MULTIVERSE_SOAK") != "1":
        pytest.skip("takes seconds: MULTIVERSE_SOAK=1")
    monkeypatch.setattr("engine.jobs.dataset.running.on_cluster.QUEUE_TIMEOUT_S", 2.0 - 6 * 60)  # 2 s
    hit: list[int] = []

    def tell(progress: Any) -> None:
        for process in tasks() if not hit else ():
            process.send_signal(number)
            hit.append(process.pid)

    patience: dict[str, Any] = {"timeout_s": 60.0, "retries": 5} if number == signal.SIGSTOP else {}
    report = make_dataset(small_job(tmp_path / "out", 1, cluster="auto", **patience), tell=tell)
    assert hit and report.made == 1 and bool(report.retried) == bool(patience)
    made = contents(tmp_path / "out")
    assert made["images/000000.png"] == local["images/000000.png"]


def test_a_picture_that_exceeds_its_timeout_ends_itself_and_is_reported(ray: Any, tmp_path: Path) -> None:
    report = make_dataset(
        small_job(
            tmp_path / "out", 1, cluster="auto", timeout_s=1.0, retries=0, options={"width": 8192, "height": 8192}
        )
    )
    (failed,) = report.failed
    assert failed.reason.startswith("its process died, or took longer than 1 s (--timeout): ")
    assert "\n" not in failed.reason


def test_a_write_error_of_a_machine_is_reported_with_the_machine_and_its_log(ray: Any, tmp_path: Path) -> None:
    """The node's folder for temporary files is full: simulated by a limit on the size of files."""
    import resource

    def limit(progress: Any) -> None:
        for process in tasks():
            with suppress(ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, 4096))

    report = make_dataset(small_job(tmp_path / "out", 1, cluster="auto", retries=0), tell=limit)
    (failed,) = report.failed
    assert failed.reason.startswith(f"{socket.gethostname()}: ") and "File too large" in failed.reason
    assert "File too large" in (tmp_path / "out" / "image_000000.log").read_text()


def test_a_scene_that_does_not_fit_is_reported_as_in_a_local_run_and_not_retried(ray: Any, tmp_path: Path) -> None:
    seed, options = one_that_fits_and_one_that_does_not()
    report = make_dataset(small_job(tmp_path / "out", 2, cluster="auto", seed=seed, options=options))
    (failed,) = report.failed
    assert (report.made, failed.index, failed.attempts) == (1, 1, 1)
    assert failed.reason.startswith(f"--num-machinery {options['num_machinery']}: ")


def test_without_ray_the_error_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        make_dataset(small_job(tmp_path / "out", cluster="auto"))
    assert str(caught.value) == INSTALL and os.listdir(tmp_path) == []
