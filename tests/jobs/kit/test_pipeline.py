"""The pipeline of all jobs: order, backpressure, and its end."""

import threading
from collections.abc import Iterator

import pytest

from engine.jobs.kit.pipeline import Pipeline


def doubled(pieces: Iterator[int]) -> Iterator[int]:
    return (2 * piece for piece in pieces)


def pipeline(is_stopped=lambda: False, *, ahead: int = 3, unwritten: int = 2) -> Pipeline[int, int]:
    return Pipeline("test", ahead=ahead, unwritten=unwritten, is_stopped=is_stopped)


def test_results_come_out_in_order_and_no_more_wait_than_may() -> None:
    line, written, waiting = pipeline(), [], []
    line.run(
        lambda: iter(range(100)),
        doubled,
        written.extend,
        on_result=lambda result: waiting.append((len(line.pieces), len(line.results))),
    )
    assert written == [2 * number for number in range(100)] and not line.is_interrupted
    assert max(pieces for pieces, _ in waiting) <= 3 and max(results for _, results in waiting) <= 2


def test_a_stop_ends_the_work_and_finished_results_are_written() -> None:
    stop, written, end_events = threading.Event(), [], []
    line = pipeline(stop.is_set)

    def count(result: int) -> None:
        if result == 8:
            stop.set()

    def write(results: Iterator[int]) -> None:
        written.extend(results)
        end_events.append(line.is_interrupted)  # known by then

    line.run(
        lambda: iter(range(1000)),
        doubled,
        write,
        on_result=count,
        on_worked=lambda: end_events.append("worked"),
    )
    assert written == [0, 2, 4, 6, 8] and end_events == ["worked", True]


@pytest.mark.parametrize("thread", ["reader", "work", "writer"])
def test_an_error_on_any_thread_ends_the_others_and_is_raised(thread: str) -> None:
    def fail(where: str, number: int) -> int:
        if where == thread and number == 5:
            raise OSError(f"the {thread} failed")
        return number

    def write(results: Iterator[int]) -> None:
        for result in results:
            fail("writer", result)

    before, ended = threading.active_count(), []
    with pytest.raises(OSError, match=f"the {thread} failed"):
        pipeline().run(
            lambda: (fail("reader", number) for number in range(1000)),
            lambda pieces: (fail("work", piece) for piece in pieces),
            write,
            stop_reading=lambda: ended.append(True),
        )
    assert ended == [True] and threading.active_count() == before


def test_a_reader_that_waits_for_its_source_is_woken() -> None:
    source = threading.Event()

    def read() -> Iterator[int]:
        yield 1
        assert source.wait(120.0), "not woken"

    stop = threading.Event()
    line = pipeline(stop.is_set)
    line.run(read, doubled, list, on_result=lambda result: stop.set(), stop_reading=source.set)
    assert line.is_interrupted
