"""What `multiverse segment` says on its way where no terminal shows a bar."""

import threading

import pytest

from engine.cli.segment_progress import PlainPace, plain_lines, shown_progress
from engine.segment import Progress


def progress(done: int, *, expected: int | None = 300, fps: float = 0.16) -> Progress:
    return Progress(done=done, expected=expected, fps=fps, read_ahead=(8, 8), unwritten=(0, 8), advice=None)


def test_a_line_comes_every_ten_seconds_with_pictures_done_of_all_and_their_rate() -> None:
    pace = PlainPace(100.0)
    pace.progress = progress(1)
    assert pace.line(109.9) is None
    assert pace.line(110.0) == "1 of 300 pictures, 0.16 a second"
    pace.progress = progress(3, fps=12.5)
    assert pace.line(110.5) is None and pace.line(119.9) is None
    assert pace.line(120.2) == "3 of 300 pictures, 12.50 a second"


def test_a_source_that_does_not_know_its_length_has_no_whole() -> None:
    pace = PlainPace(0.0)
    pace.progress = progress(7, expected=None)
    assert pace.line(10.0) == "7 pictures, 0.16 a second"


def test_loading_that_takes_long_gives_a_sign_of_life_too() -> None:
    pace = PlainPace(5.0)
    assert pace.line(15.0) == "no picture yet after 10 s"
    assert pace.line(25.0) == "no picture yet after 20 s"


def test_lines_are_written_while_a_batch_is_at_work_and_none_after_the_end(wait_for) -> None:
    pace, lines = PlainPace(-1e9), []  # the first line is due at once
    pace.progress = progress(4)
    before = threading.active_count()
    with plain_lines(pace, lines.append) as tell:
        wait_for(lambda: lines, "a line")
        tell(progress(5))
    assert pace.progress.done == 5
    assert lines == ["multiverse: 4 of 300 pictures, 0.16 a second"]
    assert threading.active_count() == before


def test_who_listened_may_go_and_the_run_goes_on(wait_for) -> None:
    refused = threading.Event()

    def write(line: str) -> None:
        refused.set()
        raise BrokenPipeError(32, "Broken pipe")

    with plain_lines(PlainPace(-1e9), write) as tell:
        wait_for(refused.is_set, "the line")
        tell(progress(4))


def test_a_short_run_and_json_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with shown_progress(True, threading.Event()) as tell:
        assert threading.active_count() == before
        tell(progress(1))
    with shown_progress(False, threading.Event()) as tell:
        tell(progress(1))
    assert capsys.readouterr().err == ""
