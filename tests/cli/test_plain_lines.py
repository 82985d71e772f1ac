"""Progress lines of a long command without a terminal."""

import threading

from engine.cli.progress import PlainPace, plain_lines


def test_a_line_comes_every_ten_seconds_with_the_newest_words_also_before_the_first_progress() -> None:
    words: list[str] = []
    pace = PlainPace(100.0, "no picture yet", lambda: words[-1] if words else None)
    assert pace.line(109.9) is None
    assert pace.line(110.0) == "no picture yet after 10 s"
    words.append("1 of 300")
    assert pace.line(110.5) is None and pace.line(119.9) is None
    words.append("3 of 300")
    assert pace.line(120.2) == "3 of 300"


def test_lines_are_written_while_a_batch_blocks_and_none_after_the_end(wait_for) -> None:
    pace, lines = PlainPace(-1e9, "nothing yet", lambda: "4 of 300"), []  # the first line is due at once
    before = threading.active_count()
    with plain_lines(pace, lines.append):
        wait_for(lambda: lines, "a line")
    assert lines == ["progress: 4 of 300"]
    assert threading.active_count() == before


def test_a_closed_pipe_does_not_end_the_run(wait_for) -> None:
    refused = threading.Event()

    def write(line: str) -> None:
        refused.set()
        raise BrokenPipeError(32, "Broken pipe")

    with plain_lines(PlainPace(-1e9, "nothing yet", lambda: None), write):
        wait_for(refused.is_set, "the line")
