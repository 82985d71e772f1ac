"""How far `multiverse video` is: a bar and its queues on a terminal, a plain line now and then where nobody watches."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.cli.plain_lines import PlainPace, plain_lines

if TYPE_CHECKING:
    from rich.console import Console

    from engine.jobs.video import VideoProgress
    from engine.jobs.video.pipeline import OnProgress
    from engine.jobs.video.stages import StageTime

NOTHING = "loading the model, no picture yet"


@contextmanager
def shown_progress(is_quiet: bool, *, has_bar: bool = True) -> "Iterator[OnProgress]":
    """`tell(progress)` after each batch. `has_bar`: nothing else writes lines meanwhile, which a bar would be torn
    by."""
    if is_quiet:
        yield lambda progress: None
    elif has_bar and sys.stderr.isatty():
        from rich.console import Console

        with bar(Console(stderr=True)) as tell:
            yield tell
    else:
        with plain_lines(PlainPace(time.perf_counter(), NOTHING)) as say:
            yield lambda progress: say(words_of(progress))


def words_of(progress: "VideoProgress") -> str:
    done = f"{progress.done} of {progress.expected}" if progress.expected else f"{progress.done}"
    left_s = progress.seconds_left
    left = "" if left_s is None else f", {clock(left_s)} left"
    return f"{done} pictures, {progress.rate:.2f} a second{left}"


def stage_words(progress: "VideoProgress") -> str:
    """Each stage with the queue before it and the share of the time it was at work: `encode 1/4 35 %`."""
    return "  ".join(_stage(time, progress.seconds) for time in progress.stages)


def clock(seconds: float) -> str:
    """1:02:03, or 2:03."""
    minutes, whole_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole_s:02}" if hours else f"{minutes}:{whole_s:02}"


def busy_share(time: "StageTime", seconds: float) -> float:
    """0..1 of so long; more than one worker share the work."""
    return min(time.seconds / max(seconds * time.workers, 1e-9), 1.0)


def _stage(time: "StageTime", seconds: float) -> str:
    queue = f" {time.waiting}/{time.most}" if time.most else ""
    return f"{time.name}{queue} {100 * busy_share(time, seconds):.0f} %"


@contextmanager
def bar(console: "Console") -> "Iterator[OnProgress]":
    """Frames, their rate and the time left; under it a line of the stages."""
    from rich.console import Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}")
    bars = Bars(*columns, TimeElapsedColumn(), console=console)
    task = bars.add_task("loading", total=None, pace="")
    stages = Text("", no_wrap=True, overflow="ellipsis")
    with Live(Group(bars, stages), console=console, refresh_per_second=8, transient=True):

        def tell(progress: "VideoProgress") -> None:
            left_s = progress.seconds_left
            left = "" if left_s is None else f"  {clock(left_s)} left"
            bars.update(
                task,
                description="finishing" if progress.is_finishing else "painting",
                total=progress.expected,
                completed=progress.done,
                pace=f"{progress.rate:.2f} fps{left}",
            )
            stages.plain = stage_words(progress)

        yield tell
