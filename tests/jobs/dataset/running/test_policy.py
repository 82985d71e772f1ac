"""Decisions of a run."""

import errno
import os
from pathlib import Path

import pytest

from engine.errors import NoGLError, RenderError, UsageError
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.running.machine import cores, memory_bytes
from engine.jobs.dataset.running.policy import GB, Failure, default_jobs, default_timeout_s, failure_of, is_tried_again
from engine.jobs.dataset.task import RenderSettings


@pytest.mark.parametrize(
    ("memory_gb", "cores", "jobs"),
    [(8, 8, 1), (15.9, 8, 1), (16, 8, 2), (31, 8, 2), (32, 8, 4), (512, 2, 2), (64, 1, 1)],
)
def test_memory_and_cores_decide_how_many_pictures_are_made_at_once(memory_gb: float, cores: int, jobs: int) -> None:
    assert default_jobs(int(memory_gb * GB), cores) == jobs


def test_a_picture_is_retried_as_often_as_given_and_only_if_that_may_help() -> None:
    crash = Failure(reason="crashed")
    assert [is_tried_again(crash, attempts, 2) for attempts in (1, 2, 3)] == [True, True, False]
    assert not is_tried_again(crash, 1, 0)
    assert not is_tried_again(Failure(reason="does not fit", is_final=True), 1, 5)
    assert not is_tried_again(Failure(reason="disk full", ends_run=True), 1, 5)


def test_an_error_that_every_picture_would_meet_ends_the_run() -> None:
    full = failure_of(OSError(errno.ENOSPC, "No space left on device", "/data/x.png"))
    assert full.ends_run and full.reason == "/data/x.png: No space left on device"
    assert failure_of(NoGLError("no OpenGL: install it")).ends_run
    for error in (RenderError("out of video memory"), MemoryError(), ValueError("odd")):
        assert not failure_of(error).ends_run and not failure_of(error).is_final
    doomed = failure_of(UsageError("--num-bags 9000: 12 fit"))
    assert doomed.is_final and not doomed.ends_run


def test_disk_errors_without_a_path_get_the_given_place() -> None:
    bare = OSError(errno.ENOSPC, "No space left on device")
    assert failure_of(bare).reason == "No space left on device"
    assert failure_of(bare, "/data/out").reason == "/data/out: No space left on device"


def test_cycles_may_take_longer_the_more_it_samples() -> None:
    full, small = SceneOptions(), SceneOptions(width=640, height=480)
    high = RenderSettings(engine="cycles", max_samples=100)
    assert default_timeout_s(RenderSettings(engine="raster"), full) == default_timeout_s(high, small) == 600
    assert default_timeout_s(high, full) == pytest.approx(6e-6 * 5280 * 3956 * 100)


def test_the_memory_limit_of_a_container_counts(tmp_path: Path) -> None:
    all_of_it = memory_bytes(())
    limit = tmp_path / "memory.max"
    assert memory_bytes((limit,)) == all_of_it
    limit.write_text("max\n")
    assert memory_bytes((limit,)) == all_of_it
    limit.write_text("1000000\n")
    assert memory_bytes((tmp_path / "none", limit)) == 1_000_000
    assert 1 <= cores() <= (os.cpu_count() or 1)
