"""Progress of `multiverse segment`."""

from engine.cli.job_progress import pictures_line
from engine.jobs.segment import SegmentProgress


def progress(done: int, *, expected: int | None = 300, fps: float = 0.16) -> SegmentProgress:
    return SegmentProgress(done=done, expected=expected, rate=fps, read_ahead=(8, 8), unwritten=(0, 8), advice=None)


def test_a_line_has_the_pictures_done_and_with_a_known_length_the_total_and_the_time_left() -> None:
    assert pictures_line(progress(1)) == "1 of 300 pictures, 0.16 a second, 31:09 left"
    assert pictures_line(progress(3, fps=12.5)) == "3 of 300 pictures, 12.50 a second, 0:24 left"
    assert pictures_line(progress(0, fps=0.0)) == "0 of 300 pictures, 0.00 a second"
    assert pictures_line(progress(7, expected=None)) == "7 pictures, 0.16 a second"
