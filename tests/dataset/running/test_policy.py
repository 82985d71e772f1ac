"""What a run decides."""

import errno

import pytest

from engine.dataset.running.policy import GB, Failure, default_jobs, failure_of, is_tried_again
from engine.errors import NoGLError, RenderError, UsageError


@pytest.mark.parametrize(
    ("memory_gb", "cores", "jobs"),
    [(8, 8, 1), (15.9, 8, 1), (16, 8, 2), (31, 8, 2), (32, 8, 4), (512, 2, 2), (64, 1, 1)],
)
def test_memory_and_cores_say_how_many_pictures_are_made_at_once(memory_gb: float, cores: int, jobs: int) -> None:
    assert default_jobs(int(memory_gb * GB), cores) == jobs


def test_a_picture_is_tried_again_as_often_as_asked_and_only_where_that_may_help() -> None:
    crash = Failure(reason="crashed")
    assert [is_tried_again(crash, attempts, 2) for attempts in (1, 2, 3)] == [True, True, False]
    assert not is_tried_again(crash, 1, 0)
    assert not is_tried_again(Failure(reason="does not fit", is_final=True), 1, 5)
    assert not is_tried_again(Failure(reason="disk full", ends_run=True), 1, 5)


def test_what_every_picture_would_meet_ends_the_run() -> None:
    full = failure_of(OSError(errno.ENOSPC, "No space left on device", "/data/x.png"))
    assert full.ends_run and full.reason == "/data/x.png: No space left on device"
    assert failure_of(NoGLError("no OpenGL: install it")).ends_run
    for error in (RenderError("out of video memory"), MemoryError(), ValueError("odd")):
        assert not failure_of(error).ends_run and not failure_of(error).is_final
    doomed = failure_of(UsageError("--num-bags 9000: 12 fit"))
    assert doomed.is_final and not doomed.ends_run
