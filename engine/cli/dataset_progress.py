"""Progress display of `multiverse dataset`: a bar on a terminal, else a plain line now and then."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from engine.cli.job_progress import clock
from engine.cli.plain_lines import Shown, bar_or_lines

if TYPE_CHECKING:
    from engine.jobs.dataset import DatasetProgress

NOTHING = "no picture yet"


def shown_progress(is_quiet: bool, stop: threading.Event) -> "AbstractContextManager[Shown[DatasetProgress]]":
    """Yield `tell(progress)` and `say(line)`. `stop` is set once the run was asked to end and finishes its pictures."""
    return bar_or_lines(is_quiet, NOTHING, words_of, lambda: _bar(stop))


def words_of(progress: "DatasetProgress") -> str:
    if progress.is_checking:
        return f"{progress.done} of {progress.expected} existing pictures were checked"
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.done} of {progress.expected} pictures{failed}, {pace_of(progress)}"


def pace_of(progress: "DatasetProgress") -> str:
    """Pictures per minute and the time left; until the first is finished, the number at work."""
    if not progress.made:
        return f"{progress.at_work} at work"
    left_s = progress.seconds_left
    left = "" if left_s is None or progress.is_finishing else f", {clock(left_s)} left"
    return f"{60 * progress.rate:.1f} per minute{left}"


@contextmanager
def _bar(stop: threading.Event) -> "Iterator[Shown[DatasetProgress]]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}")
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=None, pace="")

        def tell(progress: "DatasetProgress") -> None:
            doing = "checking existing pictures" if progress.is_checking else "drawing"
            bars.update(
                task,
                description=f"finishing {progress.at_work} (Ctrl-C again: stop at once)" if stop.is_set() else doing,
                total=progress.expected,
                completed=progress.done,
                pace="" if progress.is_checking else pace_of(progress),
            )

        yield tell, lambda line: bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
