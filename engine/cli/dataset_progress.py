"""The progress texts of `multiverse dataset`; engine/cli/job_progress.py shows them."""

from typing import TYPE_CHECKING

from engine.cli.job_progress import ProgressLook, time_left

if TYPE_CHECKING:
    from engine.jobs.dataset import DatasetProgress


def words_of(progress: "DatasetProgress") -> str:
    if progress.is_checking:
        return f"{progress.done} of {progress.expected} existing pictures checked"
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.done} of {progress.expected} pictures{failed}, {pace_of(progress)}"


def pace_of(progress: "DatasetProgress") -> str:
    """Pictures per minute and the time left; before the first is finished, the number in progress."""
    if not progress.made:
        return f"{progress.at_work} in progress"
    left = "" if progress.is_finishing else time_left(progress)
    return f"{60 * progress.rate:.1f} per minute{left}"


def _beside_the_bar(progress: "DatasetProgress") -> str:
    if progress.is_checking:
        return "checking existing pictures"
    return f"{progress.at_work} in progress; Ctrl-C again stops at once" if progress.is_finishing else pace_of(progress)


DATASET: "ProgressLook[DatasetProgress]" = ProgressLook(
    nothing="no picture yet", doing="drawing", line=words_of, pace=_beside_the_bar
)
