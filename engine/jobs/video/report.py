"""Progress and report of a video job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.jobs.kit.report import JobProgress, JobReport
from engine.jobs.video.backend import StageFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """State of the graphics card from NVML; None for values that it does not report."""

    name: str
    memory_mb: float | None = None
    """Memory used by all programs together."""
    load: float | None = None
    """0..1."""
    temperature_c: float | None = None
    throttle: str | None = None
    """Reason for throttling, in a word or two; "" if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoProgress(JobProgress):
    """Progress of a video job, in pictures. `done` counts those written or queued for the
    writer."""

    seconds: float
    """Time since the first picture was requested, without loading and warm-up."""
    stage_figures: tuple[StageFigures, ...]
    """`read`, the stages of the PaintBackend, `save`: frames and seconds so far, and the queue
    before each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoReport(JobReport):
    """Report of a run. read = resumed + painted + unpainted + skipped + dropped, without unreadable
    pictures."""

    source: str
    output: str
    model: str
    stages: str
    """fused or cluster."""
    device: str
    dtype: str
    width: int
    height: int
    read: int
    resumed: int
    """Finished by an interrupted run; if this run was stopped early, only those it has passed."""
    painted: int
    unpainted: int
    """Read, but the run was interrupted before they were written."""
    kept: int
    """Resumed and painted pictures that another `resume` would not paint again."""
    skipped: int
    """Left out by --every."""
    dropped: int
    """Pictures of a live source that were replaced by newer ones before they could be painted."""
    damaged: int
    """Painted, but decoded only in part."""
    unreadable: int
    refitted: int
    """Pictures of another size than the first."""
    rerun: int
    """Painted at the second attempt, because the first gave NaN or black."""
    passed_through: int
    """Written unpainted, because both attempts failed."""
    load_s: float
    """Seconds to load models, start processes and warm up; not part of `seconds`."""
    fps: float
    its: float
    """Requested steps x fps, as the original program counted."""
    evals: float
    """UNet evaluations of pictures per second: steps that were run x fps."""
    times: tuple[StageFigures, ...]
    """`read`, the stages of the PaintBackend, `save`."""

    @property
    def busy(self) -> dict[str, float]:
        """Fraction of the run in which each stage was busy, 0..1."""
        return {
            time.name: time.seconds / max(self.seconds * time.workers, 1e-9) for time in self.times
        }

    @property
    def busiest(self) -> tuple[str, float]:
        """The busiest of the parallel stages, and its fraction of the run, 0..1."""
        return find_busiest(self.times, self.busy)

    @property
    def done_line(self) -> str:
        """The last line of the original program, extended by `evals`."""
        figures = f"time={self.seconds:.3f} frames={self.painted} fps={self.fps:.3f}"
        return f"done: {figures} its={self.its:.3f} evals={self.evals:.3f}"

    def as_json(self) -> dict[str, Any]:
        values = JobReport.as_json(self)
        busy = self.busy
        times = {
            each.name: {
                "frames": each.frames,
                "seconds": round(each.seconds, 3),
                "workers": each.workers,
                "busy": round(busy[each.name], 4),
            }
            for each in self.times
        }
        name, fraction = self.busiest
        return values | {"times": times, "busiest": {"stage": name, "busy": round(fraction, 4)}}


def find_busiest(times: Sequence[StageFigures], busy: Mapping[str, float]) -> tuple[str, float]:
    """Find the stage with the largest value in `busy`; stages that take turns count as one."""
    fractions: dict[str, float] = {}
    for time in times:
        name = time.turns or time.name
        fractions[name] = fractions.get(name, 0.0) + busy[time.name]
    return max(fractions.items(), key=lambda item: item[1])
