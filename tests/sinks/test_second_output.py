"""The second output gives way to the first, and the sinks of both get what is theirs."""

from collections.abc import Callable
from contextlib import closing

import numpy as np
import pytest

from engine.ipc import FrameRing
from engine.sinks.sink import SinkSpec
from engine.sinks.sink_set import SHAPED, SinkSet
from engine.system.clock import SteppedClock
from engine.system.frame_budget import SpareTime
from engine.system.schedule import Schedule
from tests.sinks.test_four_pictures import grey_picture

FPS, SECONDS = 30, 60


def run_show(first_ms: float, second_ms: Callable[[int], float]) -> dict[str, int]:
    """A minute of frames that cost as much: the real schedule, and a clock that only these costs
    move."""
    schedule, pace, now_s = Schedule(FPS), SpareTime(), 0.0
    counts = {"frames": 0, "late": 0, "second": 0}
    while now_s < SECONDS:
        due_s = schedule.next_due_s(now_s)
        now_s = max(now_s, due_s) + first_ms / 1000
        counts["frames"] += 1
        counts["late"] += schedule.is_late(now_s)
        free_s = due_s + schedule.period_s - now_s
        if pace.allows(now_s, free_s):
            cost_s = second_ms(counts["second"]) / 1000
            pace.add(now_s, free_s, cost_s)
            now_s += cost_s
            counts["second"] += 1
    return {**counts, "dropped": schedule.dropped}


def test_a_second_output_that_fits_gets_every_frame() -> None:
    counts = run_show(10, lambda n: 20)
    assert (
        counts["second"] == counts["frames"] >= FPS * SECONDS
        and counts["late"] == counts["dropped"] == 0
    )


@pytest.mark.parametrize(("first_ms", "second_ms"), [(20, 18), (10, 100)])
def test_one_that_does_not_fit_becomes_rare_and_delays_the_first_only_by_itself(
    first_ms: int, second_ms: int
) -> None:
    counts = run_show(first_ms, lambda n: second_ms)
    assert 6 <= counts["second"] <= 10, "after 1, 2, 4, 8 and each 10 s"
    lost = 0 if first_ms + second_ms < 40 else 3 * counts["second"]
    assert counts["dropped"] <= lost and counts["late"] <= lost


def test_after_one_slow_picture_it_returns_within_a_second() -> None:
    counts = run_show(10, lambda n: 200 if n == 300 else 5)
    assert counts["frames"] - counts["second"] <= FPS + 1
    assert run_show(40, lambda n: 5)["second"] >= 6, (
        "also beside a first one that is too slow itself"
    )


@pytest.fixture
def sinks(make_format: Callable, clock: SteppedClock, reports: Callable):
    sinks = SinkSet(make_format(), clock, reports)
    yield sinks
    sinks.close()


def latest(name: str) -> np.ndarray:
    with closing(FrameRing.open(name)) as reader:
        return reader.latest().pixels.copy()


def test_only_a_sink_that_names_the_second_output_gets_it(
    sinks: SinkSet, make_frame: Callable
) -> None:
    for spec in ("2:shared=second", "shared=first"):
        sinks.start(SinkSpec.parse(spec))
    assert sinks.wants("2") and [status.picture for status in sinks.status()] == ["2", "main"]
    sinks.publish_extra(make_frame(), "2", grey_picture("2", (30, 20), 77))
    assert latest("second").shape == (20, 30, 4) and (latest("second")[..., :3] == 77).all()
    assert sinks.stop("2:shared") == 1 and not sinks.wants("2")


def test_the_first_outputs_shape_is_on_screens_but_not_in_files(
    sinks: SinkSet, make_frame: Callable
) -> None:
    for spec in ("shared=screen", "snapshot"):
        sinks.start(SinkSpec.parse(spec))
    reads: list[int] = []
    sinks.take_snapshot()
    sinks.publish(make_frame(0, reads=reads), {SHAPED: grey_picture("main", (32, 48), 50)})
    assert reads == [0], "the snapshot has the whole picture, and the ring did not read it"
    assert latest("screen").shape == (48, 32, 4) and (latest("screen")[..., :3] == 50).all()
    sinks.publish(make_frame(1, reads=reads))
    assert latest("screen").shape == (48, 64, 4) and (latest("screen") == 255).all()
