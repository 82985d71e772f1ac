"""Progress lines of a long command without a terminal."""

import threading

from engine.cli.plain_lines import PlainPace, plain_lines


def test_a_line_comes_every_ten_seconds_with_the_newest_words_or_before_the_first_progress() -> None:
    pace = PlainPace(100.0, "no picture yet")
    pace.words = "1 of 300"
    assert pace.line(109.9) is None
    assert pace.line(110.0) == "1 of 300"
    pace.words = "3 of 300"
    assert pace.line(110.5) is None and pace.line(119.9) is None
    assert pace.line(120.2) == "3 of 300"
    pace = PlainPace(5.0, "no picture yet")
    assert pace.line(15.0) == "no picture yet after 10 s"
    assert pace.line(25.0) == "no picture yet after 20 s"


def test_lines_are_written_while_a_batch_blocks_and_none_after_the_end(wait_for) -> None:
    pace, lines = PlainPace(-1e9, "nothing yet"), []  # the first line is due at once
    pace.words = "4 of 300"
    before = threading.active_count()
    with plain_lines(pace, lines.append) as tell:
        wait_for(lambda: lines, "a line")
        tell("5 of 300")
    assert pace.words == "5 of 300"
    assert lines == ["progress: 4 of 300"]
    assert threading.active_count() == before


def test_a_closed_pipe_does_not_end_the_run(wait_for) -> None:
    refused = threading.Event()

    def write(line: str) -> None:
        refused.set()
        raise BrokenPipeError(32, "Broken pipe")

    with plain_lines(PlainPace(-1e9, "nothing yet"), write) as tell:
        wait_for(refused.is_set, "the line")
        tell("4 of 300")
