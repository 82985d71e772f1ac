"""All jobs on a real Ray cluster of this machine, which is started once: order, deaths, ends, the
same files.

Most tests use toys instead of a model. What needs no Ray is in the folders of the jobs and of the
kit.
"""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine.dataset import make_dataset
from engine.jobs.kit.ray_cluster import connect, ray_folder
from engine.jobs.video.backend import PaintedBatch, VideoBatch, video_batches
from engine.jobs.video.fused import FusedPaintBackend
from engine.jobs.video.job import VideoJob
from engine.jobs.video.on_cluster import SEGMENT_PICTURES, ClusterPaintBackend
from engine.models.sd import ModelSpec
from engine.models.sd.painting import Painting
from engine.sources.pictures import InputPicture
from tests.children.toys import is_live
from tests.dataset.running.small_runs import contents, small_job
from tests.jobs.kit.fake_ray import use_fake_ray
from tests.jobs.video.cluster_toys import DAWDLES, SIDE, WELL, open_toy
from tests.support.long_form import in_long_form

pytestmark = pytest.mark.only_on(
    "linux", "darwin", reason="no node of Ray starts under Wine 8: untried on Windows"
)
CPUS = 4
SD_SIDE = 64
MACHINE = socket.gethostname()
ACTOR_NAME = "ray::PoolActor"
PICTURES = 3
# slows the first segment, so that others finish before it
SLOW_FIRST = dict.fromkeys(range(1, SEGMENT_PICTURES, 2), DAWDLES)


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster started as a run starts it, shared by all tests. Nothing of it is left
    afterwards."""
    others = set(psutil.Process().children(recursive=True))
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "engine").mkdir()
    (folder / "engine" / "__init__.py").write_text("raise RuntimeError('this is another engine')")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        patch.chdir(folder)
        connection = connect("auto", cpus=CPUS)
    try:
        assert signal.getsignal(signal.SIGTERM) == before and "RAY_AUTH_TOKEN" not in os.environ
        assert sessions()
        yield connection.ray
    finally:
        started = set(psutil.Process().children(recursive=True)) - others
        connection.close()
        connection.close()
    assert started and [process for process in started if is_live(process)] == []
    assert sessions() == []


def sessions() -> list[Path]:
    """The folders of our own clusters' logs and sockets."""
    return list(ray_folder(os.environ).glob(f"session_*_{os.getpid()}"))


@pytest.fixture(scope="module")
def toys(ray: Any) -> Iterator[ClusterPaintBackend]:
    """A backend of toy stages with two actors."""
    backend = ClusterPaintBackend(job_of("toy"), (SIDE, SIDE), max_actors=2, open_worker=open_toy)
    end_s = time.monotonic() + 120.0
    while len(backend._pool.warm) < 2 and time.monotonic() < end_s:
        list(backend.paint(batches(1)))
    yield backend
    backend.close()
    backend.close()


def job_of(model: Path | str, *, prompt: str = "glass", **options: Any) -> VideoJob:
    painting = Painting(spec=ModelSpec(model=str(model)), prompt=prompt, steps=2, cfg=1.0, seed=7)
    values = {"device": "cpu", "threads": 1, "cluster": "auto", "batch": 2}
    return VideoJob(source="in.mp4", output="out.mp4", painting=painting, **values | options)


def pictures(
    count: int, side: int = SIDE, *, faults: dict[int, int] | None = None
) -> Iterator[InputPicture]:
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 255, (side, side, 3), np.uint8)
        pixels[-1, -1, -1] = (faults or {}).get(number, WELL)
        name = f"frame_{number:06d}"
        yield InputPicture(
            number=number,
            name=name,
            file_name=name,
            pixels=pixels,
            start_s=number,
            end_s=number + 1,
        )


def batches(count: int, **options: Any) -> Iterator[VideoBatch]:
    return video_batches(pictures(count, **options), 2, (SIDE, SIDE))


def assert_each_is_its_source_and_one_more(painted: list[PaintedBatch], count: int) -> None:
    assert [picture.number for each in painted for picture in each.batch.pictures] == list(
        range(count)
    )
    for each in painted:
        assert (each.pixels == each.batch.pixels + 1).all() and each.pixels.flags.writeable


@pytest.mark.parametrize("is_in_this_process", [True, *in_long_form(False)])
def test_each_picture_equals_that_of_a_local_run(
    is_in_this_process: bool,
    tiny_sd: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On Ray itself in the long form: a process of an actor takes long to import torch."""
    if is_in_this_process:
        use_fake_ray(monkeypatch, None)
    else:
        request.getfixturevalue("ray")
    monkeypatch.chdir(tiny_sd.parent)  # a relative path, which other processes would not find
    job, size = job_of(tiny_sd.name), (SD_SIDE, SD_SIDE)
    backend = ClusterPaintBackend(job, size, max_actors=1)
    painted = list(backend.paint(video_batches(pictures(SEGMENT_PICTURES + 3, SD_SIDE), 2, size)))
    backend.close()
    assert backend.notes[0].startswith("painted by 1 actor on 1 machine: the Ray cluster")
    local = FusedPaintBackend(replace(job, cluster=None), size)
    expected = list(local.paint(video_batches(pictures(SEGMENT_PICTURES + 3, SD_SIDE), 2, size)))
    assert (backend.device, backend.dtype, backend.real_steps) == (
        local.device,
        local.dtype,
        local.real_steps,
    )
    local.close()
    assert len(painted) == len(expected) == SEGMENT_PICTURES // 2 + 2
    for one, other in zip(painted, expected, strict=True):
        assert one.batch.number == other.batch.number
        assert (one.pixels == other.pixels).all() and (one.outcomes == other.outcomes).all()
    assert painted[0].pixels.std() > 10.0


def test_a_killed_actor_loses_no_picture_and_is_replaced(
    toys: ClusterPaintBackend, wait_for: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    killed, count = toys._pool.warm[0].info, 12 * SEGMENT_PICTURES + 1
    assert killed is not None

    def fed() -> Iterator[VideoBatch]:
        for batch in batches(count, faults=SLOW_FIRST):
            if batch.number == SEGMENT_PICTURES:  # two segments of eight batches have been sent
                os.kill(killed.pid, signal.SIGKILL)
            yield batch

    assert_each_is_its_source_and_one_more(list(toys.paint(fed())), count)
    assert toys.notes[-1] == f"an actor on {MACHINE} was lost: its process was killed or crashed"
    wait_for(lambda: list(toys.paint(batches(1))) and len(toys._pool.warm) == 2, "another actor")
    assert killed not in [actor.info for actor in toys._pool.warm]
    assert toys.times()[1].workers == 2 and toys.memory_mb() >= 7.0
    assert capfd.readouterr().out == ""  # only the report may be printed there


def test_our_own_cluster_listens_on_this_machine_only(ray: Any, toys: ClusterPaintBackend) -> None:
    listening = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a lost actor's process that is just ending
            listening |= {
                c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN
            }
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


@pytest.fixture(scope="module")
def dataset_here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("dataset") / "out"
    make_dataset(small_job(folder, PICTURES, jobs=1, save_coco=True))
    return contents(folder)


def processes(texts: str) -> list[psutil.Process]:
    """Those of the cluster whose command line contains these words."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(texts in part for part in each.cmdline()):
                found.append(each)
    return found


def test_a_dataset_is_that_of_one_machine_also_if_pictures_and_actors_are_killed_or_hang(
    ray: Any, dataset_here: dict[str, str], tmp_path: Path
) -> None:
    """A process that makes a picture hangs until its timeout; then an actor dies. What dies when
    its picture is made already does not count, so there are two, each at the first attempt of its
    picture."""
    messages: list[str] = []
    stopped: set[str] = set()
    killed: list[int] = []

    def on_progress(progress: Any) -> None:
        servers = processes("dataset.running.forking") if len(stopped) < 2 else []
        for server in servers:
            with suppress(OSError, psutil.Error):  # it has ended
                for maker in server.children():
                    log = Path(f"/proc/{maker.pid}/fd/1").read_text(encoding="utf-8")
                    named = re.search(r"picture \d+", log)
                    if named and named[0] not in stopped:
                        maker.send_signal(signal.SIGSTOP)
                        stopped.add(named[0])
        for process in (
            processes(ACTOR_NAME)[:1]
            if not killed and any("was retried" in line for line in messages)
            else ()
        ):
            process.kill()
            killed.append(process.pid)

    report = make_dataset(
        small_job(
            tmp_path / "out", PICTURES, cluster="auto", jobs=1, timeout_s=30.0, save_coco=True
        ),
        on_progress=on_progress,
        on_message=messages.append,
    )
    assert (
        (report.made, report.missing) == (PICTURES, 0)
        and 1 <= report.retried <= len(stopped)
        and killed
    ), messages
    assert contents(tmp_path / "out") == dataset_here
    assert "labels" in (tmp_path / "out" / "image_000001.log").read_text()
