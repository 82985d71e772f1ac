"""Progress and report of a run: the fields that all jobs share."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

Progress = TypeVar("Progress", bound="JobProgress")
OnProgress = Callable[[Progress], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """Progress of a job, in its own unit, such as pictures or seconds of sound; reported on the
    calling thread."""

    done: float
    """Includes work that an earlier, interrupted run finished."""
    expected: float | None
    """The total, or None if the source does not know it."""
    rate: float
    """Units done per second."""
    is_finishing: bool = False
    """True once nothing more is read, because all is done or the run was stopped, and only writing
    remains."""

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the current rate; None if the length of the source is unknown."""
        return (
            None
            if self.expected is None or not self.rate
            else max(self.expected - self.done, 0) / self.rate
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    is_interrupted: bool
    """It ended before everything was done; --resume continues it."""
    seconds: float
    """Without the time to load the model."""
    peak_memory_mb: float
    memory_of: str
    """`device`, or `process`: main memory of this process."""
    notes: tuple[str, ...]
    """Notes for the user, one line each."""

    def as_json(self) -> dict[str, Any]:
        """Plain values; seconds, rates and memory rounded to three digits."""
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def expected_count(whole: int | None, every: int, limit: int | None) -> int | None:
    """Number of pictures taken from `whole`: every n-th, at most `limit`; None if unknown."""
    return min((end for end in (whole and -(-whole // every), limit) if end), default=None)
