"""Decisions of a run."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.options import SceneOptions
from engine.dataset.running.estimate import (
    GB,
    MB,
    MIN_FREE_FRACTION,
    available_bytes,
    cores,
    default_jobs,
    duration_text,
    estimate,
    picture_bytes,
    size_text,
)
from engine.dataset.running.policy import Failure, failure_of, is_retried
from engine.dataset.task import PictureTask, RenderSettings
from engine.errors import NoGLError, RenderError, UsageError


@pytest.mark.parametrize(
    ("engine", "size", "free_gb", "cores", "jobs"),
    [
        ("raster", (640, 640), 8, 8, 8),
        ("raster", (640, 640), 2, 8, 3),
        ("raster", (5280, 3956), 0.5, 8, 1),
        ("cycles", (5280, 3956), 7, 8, 1),
        ("cycles", (640, 640), 32, 8, 8),
        ("raster", (640, 640), 512, 2, 2),
    ],
)
def test_free_memory_size_engine_and_cores_decide_how_many_pictures_are_made_at_once(
    engine: Any, size: tuple[int, int], free_gb: float, cores: int, jobs: int
) -> None:
    options = SceneOptions(width=size[0], height=size[1])
    task = PictureTask(options=options, drawing=RenderSettings(engine=engine), base_seed=0, index=0)
    assert default_jobs(int(free_gb * GB), cores, picture_bytes(task)) == jobs


def test_a_run_estimates_its_time_and_disk_space_before_it_starts() -> None:
    full = PictureTask(
        options=SceneOptions(), drawing=RenderSettings(engine="raster"), base_seed=0, index=0
    )
    seconds, disk_bytes = estimate(full, 100, jobs=2, cores=2)
    assert (duration_text(seconds), size_text(disk_bytes), size_text(120 * GB)) == (
        "6.6 minutes",
        "3.6 GB",
        "120 GB",
    )
    assert 1 * GB < MIN_FREE_FRACTION * disk_bytes < 2 * GB
    windows = replace(full, recipe_2=Recipe2Options(camera=CameraOptions(view=(640, 640))))
    assert estimate(windows, 100, jobs=2, cores=2)[1] < disk_bytes / 20
    cycles = replace(full, drawing=RenderSettings(engine="cycles", max_samples=50))
    seconds, disk_bytes = estimate(cycles, 20, jobs=1, cores=2)
    assert (duration_text(seconds), size_text(disk_bytes), size_text(35 * MB)) == (
        "5.8 hours",
        "711 MB",
        "35 MB",
    )


def test_a_picture_is_retried_as_often_as_given_and_only_if_that_may_help() -> None:
    crash = Failure(reason="crashed")
    assert [is_retried(crash, attempts, 2) for attempts in (1, 2, 3)] == [True, True, False]
    assert not is_retried(crash, 1, 0)
    assert not is_retried(Failure(reason="does not fit", is_final=True), 1, 5)
    assert not is_retried(Failure(reason="disk full", ends_run=True), 1, 5)


def test_an_error_that_every_picture_would_meet_ends_the_run() -> None:
    full = failure_of(OSError(errno.ENOSPC, "No space left on device", "/data/x.png"))
    assert full.ends_run and full.reason == "/data/x.png: No space left on device"
    assert failure_of(NoGLError("no OpenGL: install it")).ends_run
    for error in (RenderError("out of video memory"), MemoryError(), ValueError("odd")):
        assert not failure_of(error).ends_run and not failure_of(error).is_final
    doomed = failure_of(UsageError("--num-bags 9000: 12 fit"))
    assert doomed.is_final and not doomed.ends_run


def test_the_memory_limit_of_a_container_counts(tmp_path: Path) -> None:
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    used.write_text("900000\n")
    for text in ("", "max\n"):
        limit.write_text(text)
        assert available_bytes((limit,), (used,)) > 1_000_000
    limit.write_text("1000000\n")
    assert available_bytes((tmp_path / "none", limit), (used,)) == 500_000, (
        "half of it may be cached files"
    )
    assert 1 <= cores() <= (os.cpu_count() or 1)
