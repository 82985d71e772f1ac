"""Progress of `multiverse segment`."""

import threading

import pytest

from engine.cli.job_progress import SEGMENT, pictures_line, shown_progress
from engine.jobs.segment import SegmentProgress


def progress(done: int, *, expected: int | None = 300, fps: float = 0.16) -> SegmentProgress:
    return SegmentProgress(done=done, expected=expected, rate=fps, read_ahead=(8, 8), unwritten=(0, 8), advice=None)


def test_a_line_has_the_pictures_done_the_total_the_rate_and_the_time_left() -> None:
    assert pictures_line(progress(1)) == "1 of 300 pictures, 0.16 a second, 31:09 left"
    assert pictures_line(progress(3, fps=12.5)) == "3 of 300 pictures, 12.50 a second, 0:24 left"
    assert pictures_line(progress(0, fps=0.0)) == "0 of 300 pictures, 0.00 a second"


def test_a_source_of_unknown_length_has_no_total() -> None:
    assert pictures_line(progress(7, expected=None)) == "7 pictures, 0.16 a second"


def test_a_short_run_and_json_print_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with shown_progress(SEGMENT, True, threading.Event()) as (tell, _):
        assert threading.active_count() == before
        tell(progress(1))
    with shown_progress(SEGMENT, False, threading.Event()) as (tell, _):
        tell(progress(1))
    assert capsys.readouterr().err == ""
