"""The progress of a run, the same for every job."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """Reported on the thread that called the job. Each job has its own unit, such as pictures or seconds of sound."""

    done: float
    """Includes work that an earlier, interrupted run finished."""
    expected: float | None
    """The total, or None if the source does not know it."""
    rate: float
    """Units done per second."""
    is_finishing: bool = False
    """True once nothing more is read, because all is done or the run was stopped, and only writing remains."""

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the current rate; None if the length of the source is unknown."""
        return None if self.expected is None or not self.rate else max(self.expected - self.done, 0) / self.rate


Progress = TypeVar("Progress", bound=JobProgress)
OnProgress = Callable[[Progress], object]
