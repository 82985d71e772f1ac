"""Progress and report of a segmentation: time of each stage, and what became of every picture."""

from dataclasses import dataclass
from typing import Any

from engine.jobs.kit.progress import JobProgress
from engine.jobs.kit.report import JobReport
from engine.jobs.segment.job import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentProgress(JobProgress):
    """In pictures, reported after each batch. `rate`: since the first batch, which builds what the others reuse."""

    read_ahead: tuple[int, int]
    """Batches decoded and waiting for the model, and how many may."""
    unwritten: tuple[int, int]
    """Batches segmented and waiting to be written, and how many may."""
    advice: str | None
    """Advice that would make it faster, one line, once a batch has shown it; also in the report's notes."""
    failed: tuple[str, ...] = ()
    """Outputs that were given up, one line each; also in the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageShare:
    name: str
    ms: float
    """Average per picture after the first batch."""
    share: float
    """0..1 of the total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReport(JobReport):
    """read = written + unwritten + passed_over; unreadable ones never became a picture."""

    source: str
    outputs: tuple[str, ...]
    """Those that are whole, or that end early because the run was interrupted."""
    failed: tuple[str, ...]
    """Outputs that were given up and why, one line each."""
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
    """Pictures among those written whose objects an earlier run had found already."""
    unwritten: int
    """Decoded, but not segmented before the run was interrupted."""
    passed_over: int
    damaged: int
    """Pictures among those written that are shown as far as they could be decoded."""
    unreadable: int
    refitted: int
    objects: int
    """Total number of objects in all pictures."""
    identities: int
    """Number of different ids; in track mode the number of objects followed."""
    most_objects: int
    """Largest number in one picture."""
    first_batch_s: float
    """Part of `seconds`: in the first batch kernels are chosen, compiled and captured."""
    fps: float
    """Without the first batch, unless there is no other."""
    stages: tuple[StageShare, ...]
    """In the order of the work; they add up to `ms_a_frame`."""
    ms_a_frame: float
    hidden_ms: dict[str, float]
    """Per picture, on the threads beside the model: decode; paint and encode."""
    read_waits: int
    """How often, after the first batch, the model had to wait for a picture."""

    def as_json(self) -> dict[str, Any]:
        values = JobReport.as_json(self)
        values["stages"] = {
            stage.name: {"ms": round(stage.ms, 3), "share": round(stage.share, 4)} for stage in self.stages
        }
        values["hidden_ms"] = {name: round(ms, 3) for name, ms in self.hidden_ms.items()}
        return values
