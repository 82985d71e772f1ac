"""Progress and final report of a run."""

from dataclasses import asdict, dataclass
from typing import Any

from engine.dataset.labels.statistics import Statistics
from engine.jobs.kit import JobProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetProgress(JobProgress):
    """Progress in pictures; `rate` counts those made by this run."""

    created: int = 0  # pictures made by this run
    failed: int = 0
    in_progress: int = 0
    # before drawing: `done` of `expected` existing pictures were compared with the manifest
    is_checking: bool = False

    @property
    def seconds_left(self) -> float | None:
        """Time for the pictures that have neither been made nor failed; None before the first is
        made."""
        if not self.rate or self.expected is None:
            return None
        return max(self.expected - self.done - self.failed, 0) / self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPicture:
    index: int
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetReport:
    folder: str
    expected: int
    kept: int = 0  # pictures that existed already
    made: int = 0
    failed: tuple[FailedPicture, ...] = ()
    retried: int = 0  # number of retried attempts
    is_interrupted: bool = False
    engine: str
    jobs: int
    devices: tuple[int, ...] = ()  # the graphics card of each job, by number; empty for the default
    seconds: float
    seconds_a_picture: float | None = (
        None  # median of the pictures made by this run, including their processes
    )
    statistics: Statistics | None = (
        None  # statistics of all labels in the folder; None if there are none
    )
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        return self.expected - self.kept - self.made

    def as_json(self) -> dict[str, Any]:
        statistics = self.statistics.as_json() if self.statistics else None
        return asdict(self) | {"statistics": statistics, "missing": self.missing}
