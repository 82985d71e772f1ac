"""Shows a job's progress: a bar on a terminal, periodic plain lines elsewhere, nothing with --json."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic

from engine.cli.plain_lines import Shown, bar_or_lines
from engine.jobs.kit.progress import JobProgress, Progress

if TYPE_CHECKING:
    from rich.console import Console

    from engine.jobs.convert import ConvertProgress
    from engine.jobs.segment import SegmentProgress
    from engine.jobs.video import VideoProgress
    from engine.jobs.video.stages import StageFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressLook(Generic[Progress]):
    """The texts of one job's progress."""

    nothing: str
    """Printed, with the elapsed time, before the first progress."""
    doing: str
    line: Callable[[Progress], str]
    """The plain line."""
    pace: Callable[[Progress], str]
    """Shown right of the bar."""
    below: Callable[[Progress], str] | None = None
    """Shown as a line under the bar."""
    is_counted: bool = True
    """True to show `3/20`; else a percentage."""


def shown_progress(
    look: ProgressLook[Progress], is_quiet: bool, stop: threading.Event | None = None, *, has_bar: bool = True
) -> AbstractContextManager[Shown[Progress]]:
    """Yields `tell(progress)`, which may be called at any rate, and `say(line)`. `stop`: set once the run was asked to
    end. `has_bar`: False if something else writes lines meanwhile, which would break a bar."""
    return bar_or_lines(is_quiet, look.nothing, look.line, partial(_bar_on_stderr, look, stop), has_bar=has_bar)


def _bar_on_stderr(
    look: ProgressLook[Progress], stop: threading.Event | None
) -> AbstractContextManager[Shown[Progress]]:
    from rich.console import Console

    return bar(look, Console(stderr=True), stop)


@contextmanager
def bar(
    look: ProgressLook[Progress], console: "Console", stop: threading.Event | None = None
) -> Iterator[Shown[Progress]]:
    from rich.console import Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    share = MofNCompleteColumn() if look.is_counted else TaskProgressColumn()
    columns = TextColumn("{task.description}"), BarColumn(), share, TextColumn("{task.fields[pace]}")
    bars = Bars(*columns, TimeElapsedColumn(), console=console)
    task = bars.add_task("loading", total=None, pace="")
    below = Text("", no_wrap=True, overflow="ellipsis")
    shown = bars if look.below is None else Group(bars, below)
    with Live(shown, console=console, refresh_per_second=8, transient=True):

        def tell(progress: Progress) -> None:
            is_ending = progress.is_finishing or (stop is not None and stop.is_set())
            bars.update(
                task,
                description="finishing" if is_ending else look.doing,
                total=progress.expected,
                completed=progress.done,
                pace=look.pace(progress),
            )
            if look.below is not None:
                below.plain = look.below(progress)

        yield tell, lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)


def clock(seconds: float) -> str:
    """1:02:03, or 2:03."""
    minutes, whole_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole_s:02}" if hours else f"{minutes}:{whole_s:02}"


def time_left(progress: JobProgress, before: str = ", ") -> str:
    """`, 0:16 left`, or "" if the source's length is unknown."""
    left_s = progress.seconds_left
    return "" if left_s is None else f"{before}{clock(left_s)} left"


def pictures_line(progress: JobProgress) -> str:
    done = f"{progress.done} of {progress.expected}" if progress.expected else f"{progress.done}"
    return f"{done} pictures, {progress.rate:.2f} a second{time_left(progress)}"


def _pictures_pace(progress: JobProgress) -> str:
    return f"{progress.rate:.2f} fps{time_left(progress, '  ')}"


def stage_words(progress: "VideoProgress") -> str:
    """Each stage with its input queue and the share of the time that it was busy: `encode 1/4 35 %`."""
    return "  ".join(_stage(time, progress.seconds) for time in progress.stages)


def busy_share(time: "StageFigures", seconds: float) -> float:
    """Share of this time in which a stage's workers were busy, 0..1."""
    return min(time.seconds / max(seconds * time.workers, 1e-9), 1.0)


def _stage(time: "StageFigures", seconds: float) -> str:
    queue = f" {time.waiting}/{time.most}" if time.most else ""
    return f"{time.name}{queue} {100 * busy_share(time, seconds):.0f} %"


def _segment_pace(progress: "SegmentProgress") -> str:
    (read, most_read), (unwritten, most_unwritten) = progress.read_ahead, progress.unwritten
    queues = f"read ahead {read}/{most_read}  to write {unwritten}/{most_unwritten}"
    return f"{_pictures_pace(progress)}  {queues}"


def sound_line(progress: "ConvertProgress") -> str:
    done = f"{clock(progress.done)} of {clock(progress.expected or 0.0)}"
    files = f"{progress.files_done} of {progress.files} files"
    return f"{done}, {files}, {progress.rate:.1f} times real time{time_left(progress)}"


VIDEO: "ProgressLook[VideoProgress]" = ProgressLook(
    nothing="loading the model, no picture yet",
    doing="painting",
    line=pictures_line,
    pace=_pictures_pace,
    below=stage_words,
)
SEGMENT: "ProgressLook[SegmentProgress]" = ProgressLook(
    nothing="no picture yet", doing="segmenting", line=pictures_line, pace=_segment_pace
)
CONVERT: "ProgressLook[ConvertProgress]" = ProgressLook(
    nothing="nothing converted yet", doing="converting", line=sound_line, pace=sound_line, is_counted=False
)
