"""How far `multiverse dataset` is: a bar on a terminal, a plain line now and then where nobody watches."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from engine.cli.job_progress import clock
from engine.cli.plain_lines import Shown, bar_or_lines

if TYPE_CHECKING:
    from engine.jobs.dataset import Progress

NOTHING = "no picture yet"


def shown_progress(is_quiet: bool, stop: threading.Event) -> "AbstractContextManager[Shown[Progress]]":
    """`tell(progress)` and `say(line)`. `stop`: the run has been asked to end, and finishes the pictures at work."""
    return bar_or_lines(is_quiet, NOTHING, words_of, lambda: _bar(stop))


def words_of(progress: "Progress") -> str:
    if progress.is_checking:
        return f"{progress.done} of {progress.expected} pictures that are there were checked"
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.done} of {progress.expected} pictures{failed}, {pace_of(progress)}"


def pace_of(progress: "Progress") -> str:
    """Pictures a minute and the time left, once there is one."""
    if not progress.made:
        return f"{progress.at_work} at work"
    left_s = progress.seconds_left
    left = "" if left_s is None or progress.is_finishing else f", {clock(left_s)} left"
    return f"{progress.pictures_a_minute:.1f} a minute{left}"


@contextmanager
def _bar(stop: threading.Event) -> "Iterator[Shown[Progress]]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}")
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=None, pace="")

        def tell(progress: "Progress") -> None:
            doing = "checking what is there" if progress.is_checking else "drawing"
            bars.update(
                task,
                description=f"finishing {progress.at_work} (Ctrl-C again: end at once)" if stop.is_set() else doing,
                total=progress.expected,
                completed=progress.done,
                pace="" if progress.is_checking else pace_of(progress),
            )

        yield tell, lambda line: bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
