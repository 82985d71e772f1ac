"""How far `multiverse convert` is: a bar on a terminal, a plain line now and then where nobody watches."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from engine.cli.plain_lines import Shown, bar_or_lines
from engine.cli.video_progress import clock

if TYPE_CHECKING:
    from engine.jobs.convert import ConvertProgress

NOTHING = "nothing is converted yet"


def shown_progress(is_quiet: bool, stop: threading.Event) -> "AbstractContextManager[Shown[ConvertProgress]]":
    """`tell(progress)` after each batch, and `say(line)`. `stop`: the run has been asked to end, and finishes what it
    has."""
    return bar_or_lines(is_quiet, NOTHING, words_of, lambda: _bar(stop))


def words_of(progress: "ConvertProgress") -> str:
    done, expected = clock(progress.done), clock(progress.expected or 0.0)
    left = "" if progress.seconds_left is None else f", {clock(progress.seconds_left)} left"
    return f"{done} of {expected}, {progress.files_done} of {progress.files} files, {_times(progress.rate)}{left}"


@contextmanager
def _bar(stop: threading.Event) -> "Iterator[Shown[ConvertProgress]]":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[words]}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("loading", total=None, words="")

        def tell(progress: "ConvertProgress") -> None:
            bars.update(
                task,
                description="finishing" if stop.is_set() else "converting",
                total=progress.expected,
                completed=progress.done,
                words=words_of(progress),
            )

        yield tell, lambda line: bars.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _times(speed: float) -> str:
    return f"{speed:.1f} times as fast as it is heard"
