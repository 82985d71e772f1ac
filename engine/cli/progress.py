"""The progress of long commands: a bar on a terminal, a plain line every ten seconds elsewhere,
nothing with --json.

A job reports figures (engine/jobs/kit/report.py); the `ProgressTexts`s below format them as text.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from engine.cli.log_thread import MAX_END_S, Write, write_to_stderr
from engine.cli.standard_streams import say_at_once
from engine.jobs.kit.report import JobProgress
from engine.system.plain_text import escaped

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from engine.jobs.convert.report import ConvertProgress
    from engine.jobs.segment.report import SegmentProgress
    from engine.jobs.video.backend import StageFigures
    from engine.jobs.video.report import VideoProgress

LINE_EVERY_S = 10.0
REDRAWN_AFTER_S = 0.125

Progress = TypeVar("Progress", bound=JobProgress)
ProgressOutput = tuple[Callable[[Progress], None], Callable[[str], None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressTexts(Generic[Progress]):
    """The texts of one job's progress."""

    nothing: str
    """Printed, with the elapsed time, before the first progress."""
    doing: str
    line: Callable[[Progress], str]
    pace: Callable[[Progress], str]
    """Shown right of the bar."""
    below: Callable[[Progress], str] | None = None
    """Shown as a line under the bar."""
    is_counted: bool = True
    """True to show `3/20`; else a percentage."""


@contextmanager
def show_progress(
    texts: ProgressTexts[Progress], is_quiet: bool = False, stop: threading.Event | None = None
) -> Iterator[ProgressOutput[Progress]]:
    """Yields `update(progress)`, for calls at any rate, and `say(line)`, which prints above the
    bar, both from any thread. `stop`: set once the run should end."""
    if is_quiet:
        yield lambda progress: None, say_at_once
    elif sys.stderr.isatty():
        from rich.console import Console

        with bar(texts, Console(stderr=True), stop) as output:
            yield output
    else:
        newest_line: list[str] = []

        def update(progress: Progress) -> None:
            newest_line[:] = [texts.line(progress)]

        with plain_lines(texts.nothing, lambda: next(iter(newest_line), None)):
            yield update, say_at_once


@contextmanager
def bar(
    texts: ProgressTexts[Progress], console: "Console", stop: threading.Event | None = None
) -> Iterator[ProgressOutput[Progress]]:
    from rich.console import Group
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    count_column = MofNCompleteColumn() if texts.is_counted else TaskProgressColumn()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        count_column,
        TextColumn("{task.fields[pace]}"),
    )
    bars = Bars(*columns, TimeElapsedColumn(), console=console)
    task = bars.add_task("loading", total=None, pace="")
    below = Text("", no_wrap=True, overflow="ellipsis")
    renderable = bars if texts.below is None else Group(bars, below)

    def update(progress: Progress) -> None:
        is_ending = progress.is_finishing or (stop is not None and stop.is_set())
        bars.update(
            task,
            description="finishing" if is_ending else texts.doing,
            total=progress.expected,
            completed=progress.done,
            pace=texts.pace(progress),
        )
        if texts.below is not None:
            below.plain = texts.below(progress)

    with _live_display(renderable, console) as say:
        yield update, say


@contextmanager
def _live_display(renderable: "RenderableType", console: "Console") -> Iterator[Write]:
    """Draw on a terminal from a thread of its own, which alone waits while the terminal is blocked.
    Yields `say(line)`, which prints above it. Any thread."""
    from rich.live import Live

    lines: SimpleQueue[str] = SimpleQueue()
    streams = sys.stdout, sys.stderr

    def refresh() -> None:
        while not lines.empty():
            console.print(escaped(lines.get()), markup=False, highlight=False, soft_wrap=True)
        live.refresh()

    @contextmanager
    def ending_live() -> Iterator[None]:
        with live:
            yield
            refresh()

    live = Live(renderable, console=console, auto_refresh=False, transient=True)
    try:
        with repeat(refresh, REDRAWN_AFTER_S, "progress bar", within=ending_live()):
            yield lines.put
    finally:
        stdout, stderr = streams
        sys.stdout = stdout
        sys.stderr = stderr


@contextmanager
def parts_bar(is_quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A bar for what has parts instead of a count: yields `show(part, fraction done)`. Nothing
    without a terminal."""
    if is_quiet or not sys.stderr.isatty():
        yield lambda part, done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    bars = Bars(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console)
    task = bars.add_task("starting", total=1.0)
    with _live_display(bars, console):
        yield lambda part, done: bars.update(task, description=part, completed=done)


@contextmanager
def plain_lines(
    nothing: str, newest: Callable[[], str | None], write: Write = write_to_stderr
) -> Iterator[None]:
    """Print a line every ten seconds. `newest`: returns the newest progress, or None before the
    first. Then `nothing`, such as `no picture yet`, is printed with the elapsed time."""
    began_s = time.perf_counter()

    def write_line() -> None:
        write(f"progress: {newest() or f'{nothing} after {time.perf_counter() - began_s:.0f} s'}")

    with repeat(write_line, LINE_EVERY_S, "plain progress"):
        yield


@contextmanager
def repeat(
    act: Callable[[], object],
    every_s: float,
    name: str,
    *,
    first_s: float | None = None,
    within: AbstractContextManager[object] | None = None,
) -> Iterator[None]:
    """Call `act` periodically on a thread of its own, because loading or one batch may block for
    longer than that. `first_s`: when the first time is, if not after `every_s`. `within`: entered
    and left on that thread."""
    end = threading.Event()

    def run() -> None:
        wait_s = every_s if first_s is None else first_s
        # a closed pipe or a full disk must not end the run
        with suppress(OSError), within or nullcontext():
            while not end.wait(wait_s):
                wait_s = every_s
                act()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(MAX_END_S)  # a blocked terminal would block it


# -- texts


def clock(seconds: float) -> str:
    """Format a time as 1:02:03, or 2:03."""
    minutes, whole_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole_s:02}" if hours else f"{minutes}:{whole_s:02}"


def time_left(progress: JobProgress, before: str = ", ") -> str:
    """`, 0:16 left`, or "" if the source's length is unknown."""
    left_s = progress.seconds_left
    return "" if left_s is None else f"{before}{clock(left_s)} left"


def pictures_line(progress: JobProgress) -> str:
    done = f"{progress.done} of {progress.expected}" if progress.expected else f"{progress.done}"
    return f"{done} pictures, {progress.rate:.2f} per second{time_left(progress)}"


def stages_line(progress: "VideoProgress") -> str:
    """Each stage with its input queue and the fraction of the time that it was busy: `encode 1/4 35
    %`."""
    parts = []
    for row in progress.stage_figures:
        queue = f" {row.waiting}/{row.most}" if row.most else ""
        parts.append(f"{row.name}{queue} {100 * busy_fraction(row, progress.seconds):.0f} %")
    return "  ".join(parts)


def busy_fraction(time: "StageFigures", seconds: float) -> float:
    """Fraction of this time in which a stage's workers were busy, 0..1."""
    return min(time.seconds / max(seconds * time.workers, 1e-9), 1.0)


def sound_line(progress: "ConvertProgress") -> str:
    done = f"{clock(progress.done)} of {clock(progress.expected or 0.0)}"
    files = f"{progress.files_done} of {progress.files} files"
    return f"{done}, {files}, {progress.rate:.1f} times real time{time_left(progress)}"


def _pictures_pace(progress: JobProgress) -> str:
    return f"{progress.rate:.2f} fps{time_left(progress, '  ')}"


def _segment_pace(progress: "SegmentProgress") -> str:
    (read, most_read), (unwritten, most_unwritten) = progress.read_ahead, progress.unwritten
    queues = f"read ahead {read}/{most_read}  to write {unwritten}/{most_unwritten}"
    return f"{_pictures_pace(progress)}  {queues}"


VIDEO: "ProgressTexts[VideoProgress]" = ProgressTexts(
    nothing="loading the model, no picture yet",
    doing="painting",
    line=pictures_line,
    pace=_pictures_pace,
    below=stages_line,
)
SEGMENT: "ProgressTexts[SegmentProgress]" = ProgressTexts(
    nothing="no picture yet", doing="segmenting", line=pictures_line, pace=_segment_pace
)
CONVERT: "ProgressTexts[ConvertProgress]" = ProgressTexts(
    nothing="nothing converted yet",
    doing="converting",
    line=sound_line,
    pace=sound_line,
    is_counted=False,
)
