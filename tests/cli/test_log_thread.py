"""Logging never blocks, even to a terminal that blocks or breaks."""

import logging
import threading

from engine.cli.log_thread import MAX_QUEUED_LINES, MAX_REPEATED, LogThread


def test_lines_are_written_in_order_and_afterwards_the_log_is_as_before() -> None:
    written: list[str] = []
    with LogThread(written.append):
        for number in range(50):
            logging.getLogger("test").warning("line %d", number)
    assert [line.split(" ", 1)[1] for line in written] == [f"line {number}" for number in range(50)]
    before = logging.getLogger().handlers[:]
    with LogThread(lambda line: None):
        pass
    assert logging.getLogger().handlers == before


def test_a_blocked_terminal_blocks_no_logging_thread() -> None:
    moves_again = threading.Event()
    log = LogThread(lambda line: moves_again.wait() and None)
    with log:
        for number in range(3 * MAX_QUEUED_LINES):
            logging.getLogger("test").warning("line %d", number)
    assert log.lost >= 2 * MAX_QUEUED_LINES - 1
    moves_again.set()


def test_a_pipe_that_breaks_briefly_loses_a_line_and_reports_it() -> None:
    written: list[str] = []
    breaks = [True]

    def write(line: str) -> None:
        if breaks.pop() if breaks else False:
            raise BrokenPipeError
        written.append(line)

    with LogThread(write) as log:
        log.say("one")
        log.say("two")
    assert written == ["(1 lines were lost here)", "two"]


def test_no_control_character_and_no_forged_line_reaches_the_terminal() -> None:
    written: list[str] = []
    with LogThread(written.append):
        logging.getLogger("test").warning("/sink/stop: %s", "X\x1b[31m\n12:00:00 forged")
        # a wrong format is written as it is
        logging.getLogger("test").warning("%d", "\x1b]0;title\x07\n")
    assert [line.split(" ", 1)[1] for line in written[:1]] == [
        r"/sink/stop: X\x1b[31m\n12:00:00 forged"
    ]
    assert len(written) == 2 and not any(
        ord(character) < 32 for line in written for character in line
    )


def test_a_message_that_repeats_is_written_once_a_second_with_a_count() -> None:
    written: list[str] = []
    with LogThread(written.append) as log:
        for number in range(2 * 128 + 1):
            log.handle(record_at(number / 128, "accept failed: %s", "disk"))
        log.handle(record_at(1.5, "another"))
        log.handle(record_at(10.0, "accept failed: %s", "disk"))
        for number in range(2 * MAX_REPEATED):
            log.handle(record_at(20.0, "%d", number))
    lines = [line.split(" ", 1)[1] for line in written]
    again = "accept failed: disk (and 127 more like it)"
    assert lines[:5] == ["accept failed: disk", again, again, "another", "accept failed: disk"]
    assert len(lines) == 5 + 2 * MAX_REPEATED


def test_a_call_that_logs_nonsense_fails_in_no_thread() -> None:
    class Foreign:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    written: list[str] = []
    with LogThread(written.append) as log:
        logging.getLogger("test").warning("%(missing)s", {"name": 1})
        logging.getLogger("test").warning("%d", "word")
        logging.getLogger("test").warning("%s", Foreign())
        logging.getLogger("test").warning("next")
    lines = [line.split(" ", 1)[1] for line in written if not line.endswith("were lost here)")]
    assert (
        lines[0] == "%(missing)s ('missing')"
        and lines[1].startswith("%d (%d format:")
        and lines[-1] == "next"
    )
    assert log.lost == 1


def record_at(seconds: float, message: str, *args: object) -> logging.LogRecord:
    record = logging.LogRecord("test", logging.WARNING, "", 0, message, args, None)
    record.created = seconds
    return record
