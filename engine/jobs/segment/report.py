"""Progress and report of a segmentation: time per stage, and counts that cover every picture."""

from dataclasses import dataclass
from typing import Any

from engine.jobs.kit.report import JobProgress, JobReport
from engine.jobs.segment.job import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentProgress(JobProgress):
    """Progress in pictures, reported after each batch. `rate`: without the first batch, which
    includes the warm-up."""

    read_ahead: tuple[int, int]
    unwritten: tuple[int, int]
    """Batches that wait for the model and for the writer, each with its maximum."""
    advice: str | None
    """One line of advice on speed, after a slow batch; also in the report's notes."""
    failed: tuple[str, ...] = ()
    """As in the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    name: str
    ms: float
    """Average per picture after the first batch."""
    fraction: float
    """0..1 of the total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReport(JobReport):
    """Report of a run. read = written + unwritten + passed_over; unreadable pictures are not
    counted as read."""

    source: str
    outputs: tuple[str, ...]
    """Outputs that are complete, or shorter because the run was interrupted."""
    failed: tuple[str, ...]
    """Outputs that failed and why, one line each."""
    model: str
    mode: Mode
    resolution: int
    batch: int
    device: str
    dtype: str
    width: int
    height: int
    read: int
    written: int
    resumed: int
    """Written pictures whose results come from an interrupted run."""
    unwritten: int
    """Decoded, but not segmented before the run was interrupted."""
    passed_over: int
    damaged: int
    """Written pictures that could be decoded only in part."""
    unreadable: int
    refitted: int
    objects: int
    """Summed over all pictures."""
    identities: int
    """Number of different ids; in track mode the number of tracked objects."""
    most_objects: int
    """In one picture."""
    first_batch_s: float
    """Part of `seconds`: the first batch, in which kernels are selected, compiled and captured."""
    fps: float
    """Without the first batch, unless there is no other."""
    stages: tuple[StageTime, ...]
    """In processing order; they add up to `ms_a_frame`."""
    ms_a_frame: float
    hidden_ms: dict[str, float]
    """Per picture, on the other two threads: decode; paint and encode."""
    read_waits: int
    """How often, after the first batch, the model had to wait for a picture."""

    def as_json(self) -> dict[str, Any]:
        values = JobReport.as_json(self)
        rows = {
            each.name: {"ms": round(each.ms, 3), "share": round(each.fraction, 4)}
            for each in self.stages
        }
        return values | {
            "stages": rows,
            "hidden_ms": {name: round(ms, 3) for name, ms in self.hidden_ms.items()},
        }
