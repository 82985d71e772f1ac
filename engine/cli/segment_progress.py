"""How far `multiverse segment` is: a bar on a terminal, a plain line now and then where nobody watches."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.cli.log_thread import LONGEST_END_S, Write, write_to_stderr

if TYPE_CHECKING:
    from engine.segment import Progress
    from engine.segment.pipeline import Tell

LINE_EVERY_S = 10.0
LOOKS_EVERY_S = 0.5


@contextmanager
def shown_progress(is_quiet: bool, stop: threading.Event) -> "Iterator[Tell]":
    """`tell(progress)` after each batch. `stop`: the run has been asked to end, and finishes what it has."""
    if is_quiet:
        yield lambda progress: None
    elif sys.stderr.isatty():
        with _bar(stop) as tell:
            yield tell
    else:
        with plain_lines(PlainPace(time.perf_counter())) as tell:
            yield tell


class PlainPace:
    """What is said and when; time comes in. A run that ends within LINE_EVERY_S says nothing."""

    def __init__(self, began_s: float) -> None:
        self.progress: Progress | None = None
        """The newest."""
        self._began_s = began_s
        self._due_s = began_s + LINE_EVERY_S

    def line(self, now_s: float) -> str | None:
        """How far the run is; None as long as that is not due."""
        if now_s < self._due_s:
            return None
        self._due_s = now_s + LINE_EVERY_S
        progress = self.progress
        if progress is None:  # the model is loaded, or its first picture takes long
            return f"no picture yet after {now_s - self._began_s:.0f} s"
        done = f"{progress.done} of {progress.expected}" if progress.expected else f"{progress.done}"
        return f"{done} pictures, {progress.fps:.2f} a second"


@contextmanager
def plain_lines(pace: PlainPace, write: Write = write_to_stderr) -> "Iterator[Tell]":
    """Lines by a thread of their own: a batch, and the loading before all, may take longer than one is due."""
    end = threading.Event()

    def run() -> None:
        while not end.wait(LOOKS_EVERY_S):
            line = pace.line(time.perf_counter())
            if line is not None:
                try:
                    write(f"multiverse: {line}")
                except OSError:  # a closed pipe, a full disk: no reason to end the run
                    return

    def tell(progress: "Progress") -> None:
        pace.progress = progress

    thread = threading.Thread(target=run, name="segment progress", daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        end.set()
        thread.join(LONGEST_END_S)


@contextmanager
def _bar(stop: threading.Event) -> "Iterator[Tell]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}")
    times = TimeElapsedColumn(), TimeRemainingColumn()
    with Bars(*columns, *times, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("loading", total=None, pace="")

        def tell(progress: "Progress") -> None:
            queues = f"read ahead {_filled(progress.read_ahead)}  to write {_filled(progress.unwritten)}"
            words = "finishing" if stop.is_set() else "segmenting"
            bars.update(
                task,
                description=words,
                total=progress.expected,
                completed=progress.done,
                pace=f"{progress.fps:.2f} fps  {queues}",
            )

        yield tell


def _filled(queue: tuple[int, int]) -> str:
    return f"{queue[0]}/{queue[1]}"
