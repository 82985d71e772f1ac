"""How far `multiverse convert` is: a bar on a terminal, a plain line now and then where nobody watches."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.cli.log_thread import write_to_stderr
from engine.cli.plain_lines import PlainPace, plain_lines

if TYPE_CHECKING:
    from engine.convert import Progress
    from engine.convert.pipeline import Tell

NOTHING = "nothing is converted yet"
Shown = tuple["Tell", Callable[[str], None]]


@contextmanager
def shown_progress(is_quiet: bool, stop: threading.Event) -> Iterator[Shown]:
    """`tell(progress)` after each batch, and `say(line)`, from any thread, for which the bar makes room. `stop`: the
    run has been asked to end, and finishes what it has."""
    if is_quiet:
        yield lambda progress: None, write_to_stderr
    elif sys.stderr.isatty():
        with _bar(stop) as shown:
            yield shown
    else:
        with plain_lines(PlainPace(time.perf_counter(), NOTHING)) as say:
            yield lambda progress: say(words_of(progress)), write_to_stderr


def words_of(progress: "Progress") -> str:
    done, expected = _minutes(progress.done_s), _minutes(progress.expected_s)
    left = "" if progress.left_s is None else f", {_minutes(progress.left_s)} left"
    return f"{done} of {expected}, {progress.files_done} of {progress.files} files, {_times(progress.speed)}{left}"


@contextmanager
def _bar(stop: threading.Event) -> Iterator[Shown]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[words]}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("loading", total=None, words="")

        def tell(progress: "Progress") -> None:
            bars.update(
                task,
                description="finishing" if stop.is_set() else "converting",
                total=progress.expected_s,
                completed=progress.done_s,
                words=words_of(progress),
            )

        yield tell, lambda line: bars.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _minutes(seconds: float) -> str:
    """1:02:03, or 2:03."""
    minutes, whole_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole_s:02}" if hours else f"{minutes}:{whole_s:02}"


def _times(speed: float) -> str:
    return f"{speed:.1f} times as fast as it is heard"
