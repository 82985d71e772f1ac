"""DatasetProgress and final report of a run."""

from dataclasses import asdict, dataclass
from typing import Any

from engine.jobs.dataset.labels import Statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetProgress:
    done: int
    """FolderOutputs pictures, including those of earlier runs."""
    expected: int
    made: int
    """Pictures made by this run."""
    failed: int
    at_work: int
    seconds: float
    is_finishing: bool = False
    """True once no more pictures are begun: all are, or the run was asked to end."""
    is_checking: bool = False
    """True before drawing: `done` of `expected` existing pictures were compared with the manifest."""

    @property
    def pictures_a_minute(self) -> float:
        return 60 * self.made / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        if not self.made:
            return None
        return max(self.expected - self.done - self.failed, 0) * self.seconds / self.made


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPicture:
    index: int
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetReport:
    folder: str
    expected: int
    kept: int
    """Pictures that existed already."""
    made: int
    failed: tuple[FailedPicture, ...]
    retried: int
    """Number of retries."""
    is_interrupted: bool
    engine: str
    jobs: int
    seconds: float
    seconds_a_picture: float | None
    """Median of the pictures made by this run, including their processes."""
    statistics: Statistics | None
    """Statistics of all labels in the folder; None if there are none."""
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        return self.expected - self.kept - self.made

    def as_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return values | {
            "failed": [asdict(each) for each in self.failed],
            "statistics": self.statistics.as_json() if self.statistics else None,
            "outputs": list(self.outputs),
            "notes": list(self.notes),
            "missing": self.missing,
        }
