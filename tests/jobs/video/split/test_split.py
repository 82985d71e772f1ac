"""Stages in separate processes, with toy stages: order, backpressure, all kinds of ends."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from engine.errors import ModelError, SourceError
from engine.jobs.video.batches import PaintedBatch, VideoBatch
from engine.jobs.video.split.link import SLOTS, LinkPlan
from engine.jobs.video.split.messages import BeginStage
from engine.jobs.video.split.patience import FIRST_S, MIN_S, TIMES_SLOWEST, Patience
from engine.jobs.video.split.pool import StagePool
from engine.jobs.video.split.process import StageProcess
from engine.models.sd import ModelSpec
from engine.models.sd.painting import BLACK, GOOD, RERUN, ControlUse, Painting
from tests.children.toys import descriptors, is_live, is_tracker, processes, segments
from tests.jobs.video.split.toy_job import SIDE, batches, layout

ROOT = Path(__file__).parents[4]
OpenPool = Callable[..., StagePool]
WaitFor = Callable[..., Any]


@pytest.fixture
def open_pool(wait_for: WaitFor) -> Iterator[OpenPool]:
    """`open_pool(prompt, **options)`, as `toy_job.layout`. Checks that nothing is left afterwards."""
    resource_tracker.ensure_running()  # has a pipe, for ever
    wait_for(lambda: any(map(is_tracker, psutil.Process().children())), "a process that is the resource tracker")
    before = processes(), segments(), descriptors(), threading.active_count()
    pools = []

    def start(*arguments: Any, **options: Any) -> StagePool:
        clock = options.pop("clock", time.perf_counter)
        pools.append(StagePool(layout(*arguments, **options), clock=clock))
        return pools[-1]

    yield start
    for pool in pools:
        pool.close()
        pool.close()
    wait_for(lambda: threading.active_count() == before[3], "threads to end")
    assert (processes(), segments(), descriptors()) == before[:3]


def reds(painted: list[PaintedBatch]) -> list[int]:
    """The colour of each picture, without the rows that fill the last batch; checks that it is uniform."""
    found = []
    for each in painted:
        assert each.pixels.shape == (2, SIDE, SIDE, 3) and each.pixels.dtype == np.uint8
        for row, _ in enumerate(each.batch.pictures):
            assert (each.pixels[row] == each.pixels[row, 0, 0]).all()
            found.append(int(each.pixels[row, 0, 0, 0]))
    return found


@pytest.mark.parametrize(("count", "is_whole"), [(1, False), (2, False), (3, True)])
def test_every_picture_comes_once_and_in_order_stream_after_stream(
    count: int, is_whole: bool, open_pool: OpenPool
) -> None:
    pool = open_pool(count=count, is_whole=is_whole)
    assert len(pool.pids) == (count if is_whole else count + 2)
    for done, pictures in ((0, 21), (21, 1), (22, 0), (22, 12)):
        painted = list(pool.paint(batches(pictures)))
        assert reds(painted) == [number + 1 for number in range(pictures)]
        assert [each.batch.number for each in painted] == list(range(-(-pictures // 2)))
        assert {int(fate) for each in painted for fate in each.fates} <= {GOOD if is_whole else RERUN}
        assert [time.frames for time in pool.times()] == [done + pictures] * 3, "rows that fill a batch are none"
    assert [time.workers for time in pool.times()] == ([count] * 3 if is_whole else [1, count, 1])
    first = [int(each.pixels[0, 0, 0, 1]) for each in painted]
    assert first == [first[number % count] + number // count for number in range(6)], "they are dealt in turn"


def test_the_painting_stage_gets_the_pictures_if_it_needs_them(open_pool: OpenPool) -> None:
    for sees in (False, True):
        (painted,) = open_pool(sees=sees, count=1).paint(batches(2))
        assert [int(pixels[0, 0, 2]) for pixels in painted.pixels] == ([0, 10] if sees else [0, 0])


def test_black_that_was_black_before_is_good(open_pool: OpenPool) -> None:
    (painted,) = open_pool("black", is_whole=True).paint(batches(2))
    assert not painted.batch.pixels[0].any() and painted.batch.pixels[1].any()
    assert [int(fate) for fate in painted.fates] == [GOOD, BLACK]


def test_a_slow_consumer_blocks_the_producer(open_pool: OpenPool, wait_for: WaitFor) -> None:
    pool, drawn = open_pool(), 0

    def counted() -> Iterator[VideoBatch]:
        nonlocal drawn
        for batch in batches(60):
            drawn += 1
            yield batch

    painted = pool.paint(counted())
    full = 4 * SLOTS + 1  # of four links, and one in the hands of the thread that feeds
    for taken in range(1, 8):
        next(painted)
        wait_for(lambda taken=taken: drawn == full + taken, "a batch for the one that was taken")
        wait_for(lambda: all(time.waiting >= 1 for time in pool.times()), "queues that are full again")
        assert drawn == full + taken
    assert [time.most for time in pool.times()] == [SLOTS] * 3
    assert len(reds(list(painted))) == 60 - 7 * 2
    assert [time.waiting for time in pool.times()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("encode 0 raises", "the encode stage: ValueError: two lines of trouble"),
        ("encode 0 raises and lingers", "the encode stage: ValueError: two lines of trouble"),
        ("decode 2 refuses", "toy: pictures of 16 x 16 do not fit; give a smaller --batch or --scale"),
        ("process 1 exits", "the process [12] of 2 stage ended: exit code 5; out of luck"),
    ],
)
def test_a_stage_that_fails_ends_the_run_with_its_reason_in_one_line(
    prompt: str, reason: str, open_pool: OpenPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_and_wait(process: StageProcess) -> None:
        process._popen.kill()
        process._popen.wait()

    monkeypatch.setattr(StageProcess, "kill", kill_and_wait)  # that it was killed after its fault is no reason
    pool = open_pool(prompt, count=2)
    painted: list[PaintedBatch] = []
    with pytest.raises(ModelError) as failure:
        painted.extend(pool.paint(batches(40)))
    assert re.fullmatch(reason, str(failure.value))
    assert processes().isdisjoint(pool.pids)
    assert pool.times()[0].name == "encode", "figures outlive the processes"


def test_a_stage_that_cannot_load_says_why_and_leaves_nothing(open_pool: OpenPool) -> None:
    with pytest.raises(ModelError, match=r"^toy: there is no such model$"):
        open_pool("decode load refuses")


def test_missing_shared_memory_is_reported() -> None:
    resource_tracker.ensure_running()
    before, side = descriptors(), 1 << 16
    given = layout(batch=64)
    huge = replace(given, begin=msgspec.structs.replace(given.begin, width=side, height=side))
    with pytest.raises(ModelError, match="--stages split: shared memory: "):
        StagePool(huge)
    assert descriptors() == before


@pytest.mark.parametrize("victim", [0, 2, 3])
def test_a_killed_stage_ends_the_others_and_is_named(victim: int, open_pool: OpenPool) -> None:
    pool = open_pool(count=2)
    title = ("encode", "process 1 of 2", "process 2 of 2", "decode")[victim]

    def fatal() -> Iterator[VideoBatch]:
        for batch in batches(80):
            if batch.number == 20:
                os.kill(pool.pids[victim], signal.SIGKILL)
            yield batch

    with pytest.raises(ModelError, match=rf"^the {title} stage ended: killed by SIGKILL; probably out of memory"):
        for _ in pool.paint(fatal()):
            pass
    assert processes().isdisjoint(pool.pids)


def test_the_first_to_die_is_blamed_and_not_the_one_that_ends_because_of_it(
    open_pool: OpenPool, wait_for: WaitFor
) -> None:
    pool = open_pool()
    _, killed, next_stage = (psutil.Process(pid) for pid in pool.pids)
    killed.kill()
    wait_for(lambda: not is_live(next_stage), "the end of the stage that waits for the killed one")
    with pytest.raises(ModelError, match=r"^the process stage ended: killed by SIGKILL; probably out of memory"):
        list(pool.paint(batches(4)))


@pytest.mark.parametrize(
    ("prompt", "title", "before", "out", "waited_s", "options"),
    [
        ("encode 0 hangs", "encode", 0, 0, FIRST_S, {}),
        ("process 2 hangs", "process 1 of 2", 2, 2, MIN_S, {}),
        ("decode 5 hangs", "decode", 2, 3, MIN_S, {}),
        ("whole 2 hangs", "process 1 of 2", 2, 2, MIN_S, {"is_whole": True}),
    ],
)
def test_a_stage_that_hangs_is_killed_after_long_and_named(
    prompt: str,
    title: str,
    before: int,
    out: int,
    waited_s: float,
    options: dict[str, Any],
    open_pool: OpenPool,
    tmp_path: Path,
) -> None:
    painted: list[PaintedBatch] = []
    now_s, hangs = 0.0, tmp_path / "hangs"

    def clock() -> float:
        nonlocal now_s
        now_s += 50.0 if len(painted) == out and hangs.exists() else 0.0  # stages before it may be slow to give
        return now_s

    pool = open_pool(prompt, told_by=str(hangs), count=2, clock=clock, **options)
    assert len(list(pool.paint(batches(2 * before)))) == before
    began_s = now_s
    with pytest.raises(ModelError) as failure:
        painted.extend(pool.paint(batches(40)))
    assert str(failure.value) == f"the {title} stage hangs: no batch for {waited_s:.0f} s; it was killed"
    assert waited_s < now_s - began_s <= waited_s + 250.0 and len(painted) == out
    assert processes().isdisjoint(pool.pids)


def test_a_batch_may_take_much_longer_than_those_before_it() -> None:
    now_s = 0.0
    patience = Patience(lambda: now_s)
    assert patience.limit_s == FIRST_S
    for took_s, limit_s in ((1.0, MIN_S), (30.0, 30.0 * TIMES_SLOWEST), (2.0, 30.0 * TIMES_SLOWEST)):
        now_s += took_s
        patience.came()
        patience.wait()
        assert patience.limit_s == limit_s
    now_s += 30.0 * TIMES_SLOWEST
    assert not patience.is_over
    now_s += 1.0
    assert patience.is_over
    patience.idle()
    assert not patience.is_over, "a quiet source is waited for"
    now_s += 1.0
    patience.came()
    assert patience.limit_s == 30.0 * TIMES_SLOWEST, "nor does it make the batches slow"


def test_ctrl_c_is_for_the_parent_to_hear(open_pool: OpenPool, require: Callable[..., None]) -> None:
    require(hasattr(os, "getpgid"), "process groups (not on Windows)")
    pool = open_pool()
    for pid in pool.pids:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert reds(list(pool.paint(batches(9)))) == list(range(1, 10))
    assert all(os.getpgid(pid) != os.getpgid(0) for pid in pool.pids), "nor does a terminal's reach them"


def test_a_stream_that_is_left_can_be_closed_at_once(open_pool: OpenPool) -> None:
    go_on = threading.Event()

    def stuck() -> Iterator[VideoBatch]:
        yield from batches(2)
        go_on.wait()

    for given in (stuck(), batches(100)):
        pool = open_pool("process 3 hangs")
        painted = pool.paint(given)
        next(painted)
        painted.close()
        pool.close()
        assert processes().isdisjoint(pool.pids)
    go_on.set()


def test_an_error_of_the_source_comes_after_its_pictures(open_pool: OpenPool) -> None:
    pool = open_pool()
    painted: list[PaintedBatch] = []

    def broken() -> Iterator[VideoBatch]:
        yield from batches(7)
        raise SourceError("the camera is gone")

    with pytest.raises(SourceError, match="the camera is gone"):
        painted.extend(pool.paint(broken()))
    painted = []
    with pytest.raises(SourceError):
        for each in pool.paint(broken()):
            painted.append(each)
    assert reds(painted) == list(range(1, 8))


def test_nothing_is_left_when_the_parent_is_killed(wait_for: WaitFor, require: Callable[..., None]) -> None:
    require(sys.platform == "linux", "Linux, where shared memory can be listed")
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.video.split.stage_parent"], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid, *theirs = (int(word) for word in parent.stdout.readline().split())
    family = [psutil.Process(each) for each in theirs]
    assert len(family) == 3

    def memory() -> list[str]:
        return [name for name in os.listdir("/dev/shm") if name.startswith(f"multiverse-{pid}-")]

    assert len(memory()) == 4
    family[-1].suspend()
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(map(is_live, family)), "the end of its processes: one hangs, one is stopped")
    wait_for(lambda: not memory(), "the resource tracker to remove the segments")


def test_all_fields_of_a_stage_message_arrive() -> None:
    spec = ModelSpec(model="a", vae="full", loras=(("b", 0.5),), controlnets=("c", "d"), ip_adapter="e")
    controls = (ControlUse(sees="input", scale=0.25), ControlUse())
    painting = Painting(spec=spec, prompt="glass, 玻璃", sampler="dpm", lora_weights=(1.0,), controls=controls)
    plan = LinkPlan(segment="multiverse-1-2-x", slots=2, fields=(("z", (2, 4, 8, 8), "<f4"),))
    begin = msgspec.structs.replace(layout().begin, painting=painting, inputs=(plan,), outputs=(plan, plan))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(begin), type=BeginStage) == begin
