"""How far a run is, as every job tells it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """Reported on the thread that called the job. The unit (pictures, seconds of sound) is the job's."""

    done: float
    """Includes what an earlier run finished."""
    expected: float | None
    """The total, or None if the source does not know it."""
    rate: float
    """How much is done in a second."""
    is_finishing: bool = False
    """True once no more is read: all is done, or the run was asked to end, and what is there is written."""

    @property
    def seconds_left(self) -> float | None:
        """If it goes on at this rate; None if the source does not tell its length."""
        return None if self.expected is None or not self.rate else max(self.expected - self.done, 0) / self.rate


Progress = TypeVar("Progress", bound=JobProgress)
OnProgress = Callable[[Progress], object]
