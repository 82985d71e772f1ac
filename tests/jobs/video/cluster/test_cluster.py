"""Stages on a real Ray cluster of this machine: order, deaths, ends. Most tests use toys instead of a model."""

import importlib.util
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine.errors import ChildError, ModelError, UsageError
from engine.jobs.kit.ray_cluster import (
    INSTALL,
    MAX_REASON,
    connect,
    host_and_port,
    ray_reason,
    running_address,
)
from engine.jobs.kit.ray_pool import LOOK_AHEAD, death_of
from engine.jobs.video.batches import PaintedBatch, VideoBatch, video_batches
from engine.jobs.video.cluster.cluster_stages import SEGMENT_PICTURES, ClusterStages
from engine.jobs.video.fused import FusedStages
from engine.jobs.video.job import VideoJob
from engine.models.sd import ModelSpec
from engine.models.sd.painting import Painting
from engine.sources.pictures import InputPicture
from tests.children.toys import is_live
from tests.jobs.video.cluster.cluster_toys import DAWDLES, IS_FULL, RAISES, REFUSES, SIDE, WELL, toy_recipe

CPUS = 4
SD_SIDE = 64
MACHINE = socket.gethostname()
SLOW_FIRST = dict.fromkeys(
    range(1, SEGMENT_PICTURES, 2), DAWDLES
)  # slows the first segment, so that others finish before it


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster started as a run starts it, shared by all tests. Nothing of it is left afterwards."""
    others = set(psutil.Process().children(recursive=True))
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "engine").mkdir()
    (folder / "engine" / "__init__.py").write_text("raise RuntimeError('this is another engine')")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        patch.chdir(folder)
        connection = connect("auto", cpus=CPUS)
    assert connection.session is not None
    try:
        assert signal.getsignal(signal.SIGTERM) == before
        assert "RAY_AUTH_TOKEN" not in os.environ
        yield connection.ray
        assert connection.session.exists()
    finally:
        started = set(psutil.Process().children(recursive=True)) - others
        connection.close()
        connection.close()
    assert started and [process for process in started if is_live(process)] == []
    assert not connection.session.exists()


@pytest.fixture(scope="module")
def toys(ray: Any) -> Iterator[ClusterStages]:
    """Stages with two actors."""
    stages = ClusterStages(job_of("toy"), (SIDE, SIDE), max_actors=2, recipe=toy_recipe)
    yield stages
    stages.close()
    stages.close()


def job_of(model: Path | str, *, prompt: str = "glass", **options: Any) -> VideoJob:
    painting = Painting(spec=ModelSpec(model=str(model)), prompt=prompt, steps=2, cfg=1.0, seed=7)
    values = {"device": "cpu", "threads": 1, "cluster": "auto", "batch": 2}
    return VideoJob(source="in.mp4", output="out.mp4", painting=painting, **values | options)


def pictures(count: int, side: int = SIDE, *, faults: dict[int, int] | None = None) -> Iterator[InputPicture]:
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 255, (side, side, 3), np.uint8)
        pixels[-1, -1, -1] = (faults or {}).get(number, WELL)
        name = f"frame_{number:06d}"
        yield InputPicture(number=number, name=name, file_name=name, pixels=pixels, start_s=number, end_s=number + 1)


def batches(count: int, **options: Any) -> Iterator[VideoBatch]:
    return video_batches(pictures(count, **options), 2, (SIDE, SIDE))


def assert_each_is_its_source_and_one_more(painted: list[PaintedBatch], count: int) -> None:
    assert [picture.number for each in painted for picture in each.batch.pictures] == list(range(count))
    for each in painted:
        assert (each.pixels == each.batch.pixels + 1).all() and each.pixels.flags.writeable


def test_each_picture_equals_that_of_a_local_run(ray: Any, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_sd.parent)  # a relative path, which other processes would not find
    job, size = job_of(tiny_sd.name), (SD_SIDE, SD_SIDE)
    stages = ClusterStages(job, size, max_actors=1)
    painted = list(stages.paint(video_batches(pictures(SEGMENT_PICTURES + 3, SD_SIDE), 2, size)))
    stages.close()
    assert stages.notes[0].startswith("painted by 1 actor on 1 machine: the Ray cluster")
    local = FusedStages(replace(job, cluster=None), size)
    expected = list(local.paint(video_batches(pictures(SEGMENT_PICTURES + 3, SD_SIDE), 2, size)))
    assert (stages.device, stages.dtype, stages.real_steps) == (local.device, local.dtype, local.real_steps)
    local.close()
    assert len(painted) == len(expected) == SEGMENT_PICTURES // 2 + 2
    for one, other in zip(painted, expected, strict=True):
        assert one.batch.number == other.batch.number
        assert (one.pixels == other.pixels).all() and (one.fates == other.fates).all()
    assert painted[0].pixels.std() > 10.0


def test_pictures_come_in_order_if_an_actor_is_slow(toys: ClusterStages) -> None:
    count = 12 * SEGMENT_PICTURES + 1
    painted = list(toys.paint(batches(count, faults=SLOW_FIRST)))
    assert_each_is_its_source_and_one_more(painted, count)
    _, process, _ = toys.times()
    assert process.frames == count and process.workers == 2 and process.seconds == pytest.approx((count + 1) / 1000)
    assert toys.memory_mb() == 14.0
    assert_each_is_its_source_and_one_more(list(toys.paint(batches(3))), 3)


def test_at_most_three_segments_per_actor_are_read_ahead(toys: ClusterStages) -> None:
    read, most = [], 2 * LOOK_AHEAD * SEGMENT_PICTURES // 2

    def fed() -> Iterator[VideoBatch]:
        for batch in batches(20 * SEGMENT_PICTURES, faults=SLOW_FIRST):
            read.append(batch.number)
            yield batch

    ahead = [len(read) - number for number, _ in enumerate(toys.paint(fed()))]
    assert most // 2 < max(ahead) <= most
    encode, *_ = toys.times()
    assert (encode.waiting, encode.most) == (0, most)


def test_a_closed_paint_leaves_nothing_for_the_next(toys: ClusterStages) -> None:
    slow = dict.fromkeys(range(1, 6 * SEGMENT_PICTURES, SEGMENT_PICTURES), DAWDLES)  # in each segment
    painting = toys.paint(batches(6 * SEGMENT_PICTURES, faults=slow))
    next(painting)
    painting.close()
    assert [len(actor.calls) for actor in toys._pool.actors] == [0, 0]
    assert_each_is_its_source_and_one_more(list(toys.paint(batches(40))), 40)


def test_a_models_error_is_raised_with_the_machine(toys: ClusterStages) -> None:
    with pytest.raises(ModelError) as caught:
        list(toys.paint(batches(SEGMENT_PICTURES, faults={1: REFUSES})))
    assert str(caught.value) == f"on {MACHINE}: toy: these pictures are not for me"


def test_a_killed_actor_loses_no_picture_and_is_replaced(
    toys: ClusterStages, wait_for: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    killed, count = toys.places[0], 12 * SEGMENT_PICTURES + 1

    def fed() -> Iterator[VideoBatch]:
        for batch in batches(count, faults=SLOW_FIRST):
            if batch.number == SEGMENT_PICTURES:  # two segments of eight batches have been sent
                os.kill(killed.pid, signal.SIGKILL)
            yield batch

    assert_each_is_its_source_and_one_more(list(toys.paint(fed())), count)
    assert toys.notes[-1] == f"an actor on {MACHINE} was lost: its process was killed or crashed"
    wait_for(lambda: list(toys.paint(batches(1))) and len(toys.places) == 2, "another actor")
    assert killed.pid not in [place.pid for place in toys.places]
    assert capfd.readouterr().out == ""  # only the report may be printed there


def test_a_segment_that_fails_is_retried_on_new_actors_and_ends_the_run_after_three(
    toys: ClusterStages,
) -> None:
    before, lost = {place.pid for place in toys.places}, len(toys.notes)
    painting = toys.paint(batches(3 * SEGMENT_PICTURES, faults={SEGMENT_PICTURES + 5: RAISES}))
    painted = []
    with pytest.raises(ChildError) as caught:
        painted.extend(painting)
    assert_each_is_its_source_and_one_more(painted, SEGMENT_PICTURES)
    message = f"failed on 3 actors; the last: an actor on {MACHINE} was lost: ValueError: two lines of trouble"
    assert str(caught.value) == f"frame_000016 to frame_000031: {message}"
    assert len(toys.notes) == lost + 3
    assert before.isdisjoint(place.pid for place in toys.places)


def test_an_actors_death_is_blamed_on_its_current_segment_if_all_answers_come_at_once(
    toys: ClusterStages, ray: Any, monkeypatch: pytest.MonkeyPatch, wait_for: Callable[..., Any]
) -> None:
    wait_for(lambda: list(toys.paint(batches(1))) and len(toys.places) == 2, "two actors")
    wait, lost = toys._pool.wait, len(toys.notes)

    def wait_for_all(refs: list[Any], *, timeout_s: float) -> list[Any]:
        """Once all are sent; newest first."""
        if timeout_s == 0.0 or not refs:
            return wait([], timeout_s=timeout_s)
        ray.wait(refs, num_returns=len(refs), timeout=30.0)
        return wait(refs, timeout_s=timeout_s)[::-1]

    monkeypatch.setattr(toys._pool, "wait", wait_for_all)
    with pytest.raises(ChildError, match=r"^frame_000048 to frame_000063: failed on 3 actors"):
        list(toys.paint(batches(4 * SEGMENT_PICTURES, faults={3 * SEGMENT_PICTURES + 1: RAISES})))
    assert len(toys.notes) == lost + 3


def test_a_missing_model_is_reported_with_the_machine(ray: Any) -> None:
    with pytest.raises(ModelError, match=r"^on \S+: nobody/nothing: neither a path here nor in .*; fetch it once: "):
        ClusterStages(job_of("nobody/nothing"), (SIDE, SIDE), max_actors=1)


def test_actors_that_cannot_start_end_the_run_in_one_line(ray: Any) -> None:
    with pytest.raises(ModelError, match=r"^on \S+: RuntimeError: two lines of trouble$"):
        ClusterStages(job_of("toy", prompt="raises at once"), (SIDE, SIDE), max_actors=1, recipe=toy_recipe)
    with pytest.raises(ChildError, match=r"^no actor works, and none can be started; .*: its process was killed"):
        ClusterStages(job_of("toy", prompt="dies at once"), (SIDE, SIDE), max_actors=2, recipe=toy_recipe)


def test_a_machine_with_too_little_memory_loses_its_actor_and_the_last_one_ends_the_run(
    ray: Any, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    stages = ClusterStages(job_of("toy", prompt=f"full {tmp_path}"), (SIDE, SIDE), max_actors=2, recipe=toy_recipe)
    try:
        wait_for(lambda: list(stages.paint(batches(1))) and len(stages.places) == 2, "an actor in another place")
        assert stages.notes[0] == f"an actor on {MACHINE} was lost: toy: does not fit; try --dtype float16"
        full = {number: IS_FULL for number in range(SEGMENT_PICTURES + 1, 3 * SEGMENT_PICTURES)}
        painted = []
        with pytest.raises(ModelError) as caught:
            painted.extend(stages.paint(batches(3 * SEGMENT_PICTURES, faults=full)))
        assert str(caught.value) == f"on {MACHINE}: toy: these pictures do not fit; give a smaller --batch"
        assert_each_is_its_source_and_one_more(painted, SEGMENT_PICTURES)
        lost = [note for note in stages.notes if " was lost: " in note]
        assert 3 <= len(lost) <= CPUS, "no machine is tried twice"
        assert stages.places == () and {time.workers for time in stages.times()} == {2}, "lost actors have worked, too"
    finally:
        stages.close()


def test_painted_pictures_come_out_while_the_source_is_quiet(toys: ClusterStages) -> None:
    count, has_come = 3 * SEGMENT_PICTURES, threading.Event()
    was_given = []

    def fed() -> Iterator[VideoBatch]:
        for batch in batches(count):
            if batch.number == SEGMENT_PICTURES:  # two segments of eight batches have been sent
                was_given.append(has_come.wait(20.0))
            yield batch

    painted = []
    for each in toys.paint(fed()):
        painted.append(each)
        if len(painted) == SEGMENT_PICTURES:
            has_come.set()
    assert was_given == [True]
    assert_each_is_its_source_and_one_more(painted, count)


def test_our_own_cluster_listens_on_this_machine_only(ray: Any, toys: ClusterStages) -> None:
    heard = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a lost actor's process that is just ending
            heard |= {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
    assert {address.removeprefix("::ffff:") for address in heard} == {"127.0.0.1"}


def test_a_missing_card_or_too_many_cores_are_refused(ray: Any) -> None:
    for options, message in (
        ({"device": "cuda"}, r"^--device cuda: no machine of .* has a card; give --device cpu$"),
        ({"device": "cuda:1"}, r"^--device cuda:1: .* give --device cuda$"),
        ({"threads": CPUS + 1}, rf"^no machine of .* needs: {CPUS + 1} CPU$"),
    ):
        with pytest.raises((ModelError, UsageError), match=message):
            ClusterStages(job_of("toy", **options), (SIDE, SIDE), recipe=toy_recipe)


def test_without_ray_the_error_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        ClusterStages(job_of("toy"), (SIDE, SIDE), recipe=toy_recipe)
    assert str(caught.value) == INSTALL


def test_auto_is_the_cluster_that_the_user_has_named(tmp_path: Path) -> None:
    alone = {"RAY_TMPDIR": str(tmp_path)}
    assert running_address(alone) == ("", "")
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("10.0.0.1:6379\n")
    assert running_address(alone)[0] == "10.0.0.1:6379"
    assert running_address(alone | {"RAY_ADDRESS": "10.0.0.2:6379"}) == ("10.0.0.2:6379", "RAY_ADDRESS is")
    assert running_address(alone | {"RAY_ADDRESS": "local"}) == ("", "")


def test_an_address_without_a_cluster_is_reported_at_once(free_port: Callable[[], int]) -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ChildError, match=rf"^--cluster {address}: nothing answers there \(.*\); start it"):
        ClusterStages(job_of("toy", cluster=address), (SIDE, SIDE), recipe=toy_recipe)
    for wrong in ("everywhere", "10.0.0.1", "10.0.0.1:0", "ray://10.0.0.1:10001"):
        with pytest.raises(UsageError, match=f"^--cluster {wrong}: "):
            host_and_port(wrong, f"--cluster {wrong}")


def test_errors_of_ray_become_one_line() -> None:
    versions = RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.40\n    Python: 3.12\n")
    wrapped = ConnectionError("no connection")
    wrapped.__cause__ = versions
    assert ray_reason(wrapped) == "Version mismatch: The cluster was started with: Ray: 2.40 Python: 3.12"
    long = ray_reason(RuntimeError("\x1b[36mword\x1b[39m " * 100 + "\nTraceback (most recent call last):\n"))
    assert long.startswith("word word") and long.endswith("word ...") and len(long) < MAX_REASON + 5
    lost = RuntimeError(
        "The actor died\nray::PoolActor.__init__() (pid=9, ip=10.0.0.3, actor_id=7)\n"
        "ModuleNotFoundError: No module named 'cv2'"
    )
    assert death_of(lost) == "the Python of 10.0.0.3 lacks cv2: pip install multiverse-engine there"
