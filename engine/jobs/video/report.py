"""Progress and report of a video job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.jobs.kit.progress import JobProgress
from engine.jobs.kit.report import JobReport
from engine.jobs.video.stages import StageFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """State of the graphics card from NVML; None for what it does not report."""

    name: str
    memory_mb: float | None = None
    """Used by all programs together."""
    load: float | None = None
    """0..1."""
    temperature_c: float | None = None
    throttle: str | None = None
    """Why it is throttled, in a word or two; "" if it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoProgress(JobProgress):
    """In pictures: `done` counts those written or waiting to be."""

    seconds: float
    """Since the first picture was asked for, models loaded and warm."""
    stages: tuple[StageFigures, ...]
    """read, those of PaintStages, save: frames and seconds so far, and the queue before each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoReport(JobReport):
    """read = resumed + painted + unpainted + skipped + dropped; unreadable ones never became a picture."""

    source: str
    output: str
    model: str
    stages: str
    """fused, split or cluster."""
    why: str
    """Why auto chose these; "" if it did not choose."""
    device: str
    dtype: str
    width: int
    height: int
    read: int
    resumed: int
    """Finished before this run; if it was stopped early, those of them it has passed."""
    painted: int
    """Painted and written by this run."""
    unpainted: int
    """Read, but the run was interrupted before they were written."""
    kept: int
    """Pictures among those resumed and painted that `resume` would not paint again."""
    skipped: int
    """By --skip."""
    dropped: int
    """Pictures of a live source that were replaced by newer ones before they could be painted."""
    damaged: int
    """Pictures among those painted that could be decoded in part only."""
    unreadable: int
    refitted: int
    """Pictures of another size than the first."""
    rerun: int
    """Painted at the second attempt: the first gave NaN or black."""
    passed_through: int
    """Written unpainted: both attempts failed."""
    load_s: float
    """Models loaded, processes started, warmed up; not in `seconds`."""
    fps: float
    its: float
    """Steps asked for x fps, as the original counted."""
    evals: float
    """UNet evaluations of pictures a second: real steps x fps."""
    times: tuple[StageFigures, ...]
    """read, those of PaintStages, save."""

    @property
    def busy(self) -> dict[str, float]:
        """Share of the run in which each stage was busy, 0..1."""
        return {time.name: time.seconds / max(self.seconds * time.workers, 1e-9) for time in self.times}

    @property
    def busiest(self) -> tuple[str, float]:
        """The busiest of the stages that run side by side, and its share of the run, 0..1."""
        return busiest_of(self.times, self.busy)

    @property
    def done_line(self) -> str:
        """The original's last line, and `evals`."""
        figures = f"time={self.seconds:.3f} frames={self.painted} fps={self.fps:.3f}"
        return f"done: {figures} its={self.its:.3f} evals={self.evals:.3f}"

    def as_json(self) -> dict[str, Any]:
        values = JobReport.as_json(self)
        busy = self.busy
        values["times"] = {
            time.name: {
                "frames": time.frames,
                "seconds": round(time.seconds, 3),
                "workers": time.workers,
                "busy": round(busy[time.name], 4),
            }
            for time in self.times
        }
        name, share = self.busiest
        values["busiest"] = {"stage": name, "busy": round(share, 4)}
        return values


def busiest_of(times: Sequence[StageFigures], busy: Mapping[str, float]) -> tuple[str, float]:
    """The stage with the largest share of `busy`; stages that take turns count as one."""
    shares: dict[str, float] = {}
    for time in times:
        name = time.turns or time.name
        shares[name] = shares.get(name, 0.0) + busy[time.name]
    return max(shares.items(), key=lambda item: item[1])
