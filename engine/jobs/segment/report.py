"""What a run has done: where the time of a picture went, and where every picture went."""

from dataclasses import dataclass
from typing import Any

from engine.jobs.kit.progress import JobProgress
from engine.jobs.kit.report import JobReport
from engine.jobs.segment.job import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentProgress(JobProgress):
    """In pictures, told after each batch. `rate`: since the first batch, which builds what the others reuse."""

    read_ahead: tuple[int, int]
    """Batches decoded and waiting for the model, and how many may."""
    unwritten: tuple[int, int]
    """Batches segmented and waiting to be written, and how many may."""
    advice: str | None
    """What would make it quicker, one line, from the batch on that shows it; also among the report's notes."""
    failed: tuple[str, ...] = ()
    """Outputs that were given up, one line each; also in the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageShare:
    name: str
    ms: float
    """A picture, on average after the first batch."""
    share: float
    """0..1 of the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReport(JobReport):
    """read = written + unwritten + passed_over; what is unreadable never became a picture."""

    source: str
    outputs: tuple[str, ...]
    """Those that are whole, or that end early because the run was interrupted."""
    failed: tuple[str, ...]
    """Why others were given up, one line each; they leave nothing behind."""
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
    """Of those written: an earlier run had found their objects already."""
    unwritten: int
    """Decoded, but not segmented before the run was interrupted."""
    passed_over: int
    damaged: int
    """Of those written: shown as far as they could be decoded."""
    unreadable: int
    refitted: int
    objects: int
    """Found in all pictures together."""
    identities: int
    """Different ids among them; of followed objects, how many there were."""
    most_objects: int
    """At once."""
    first_batch_s: float
    """Of `seconds`: kernels are chosen, compiled and captured in the first batch."""
    fps: float
    """After the first batch; with it where there is no other."""
    stages: tuple[StageShare, ...]
    """In the order of the work; they add up to `ms_a_frame`."""
    ms_a_frame: float
    hidden_ms: dict[str, float]
    """A picture, in the threads beside the model: decode; paint and encode."""
    read_waits: int
    """How often, after the first batch, the model had to wait for a picture."""

    def as_json(self) -> dict[str, Any]:
        values = JobReport.as_json(self)
        values["stages"] = {
            stage.name: {"ms": round(stage.ms, 3), "share": round(stage.share, 4)} for stage in self.stages
        }
        values["hidden_ms"] = {name: round(ms, 3) for name, ms in self.hidden_ms.items()}
        return values
