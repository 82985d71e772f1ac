"""How far `multiverse segment` is: a bar on a terminal, a plain line now and then where nobody watches."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.cli.plain_lines import PlainPace, plain_lines
from engine.cli.video_progress import clock

if TYPE_CHECKING:
    from engine.jobs.segment import SegmentProgress
    from engine.jobs.segment.pipeline import OnProgress

NOTHING = "no picture yet"


@contextmanager
def shown_progress(is_quiet: bool, stop: threading.Event) -> "Iterator[OnProgress]":
    """`tell(progress)` after each batch. `stop`: the run has been asked to end, and finishes what it has."""
    if is_quiet:
        yield lambda progress: None
    elif sys.stderr.isatty():
        with _bar(stop) as tell:
            yield tell
    else:
        with plain_lines(PlainPace(time.perf_counter(), NOTHING)) as say:
            yield lambda progress: say(words_of(progress))


def words_of(progress: "SegmentProgress") -> str:
    done = f"{progress.done} of {progress.expected}" if progress.expected else f"{progress.done}"
    left_s = progress.seconds_left
    left = "" if left_s is None else f", {clock(left_s)} left"
    return f"{done} pictures, {progress.rate:.2f} a second{left}"


@contextmanager
def _bar(stop: threading.Event) -> "Iterator[OnProgress]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}")
    times = TimeElapsedColumn(), TimeRemainingColumn()
    with Bars(*columns, *times, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("loading", total=None, pace="")

        def tell(progress: "SegmentProgress") -> None:
            queues = f"read ahead {_filled(progress.read_ahead)}  to write {_filled(progress.unwritten)}"
            words = "finishing" if stop.is_set() else "segmenting"
            bars.update(
                task,
                description=words,
                total=progress.expected,
                completed=progress.done,
                pace=f"{progress.rate:.2f} fps  {queues}",
            )

        yield tell


def _filled(queue: tuple[int, int]) -> str:
    return f"{queue[0]}/{queue[1]}"
