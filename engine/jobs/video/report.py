"""What a run tells of itself, while it goes on and at its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.jobs.kit.progress import JobProgress
from engine.jobs.kit.report import JobReport
from engine.jobs.video.stages import StageTime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """How the card is, as NVML tells; what it does not tell is None."""

    name: str
    memory_mb: float | None = None
    """Held by all programs together."""
    load: float | None = None
    """0..1."""
    temperature_c: float | None = None
    throttle: str | None = None
    """Why it runs slower than it could, in a word or two; "" where it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoProgress(JobProgress):
    """In pictures: `done` counts those written or waiting to be."""

    seconds: float
    """Since the first picture was asked for, models loaded and warm."""
    stages: tuple[StageTime, ...]
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
    """Why these, where auto chose; else empty."""
    device: str
    dtype: str
    width: int
    height: int
    read: int
    resumed: int
    """Whole already when the run began; where it was stopped before it came so far, those that it has passed."""
    painted: int
    """By this run, and written."""
    unpainted: int
    """Read, but the run was interrupted before they were written."""
    kept: int
    """Of those resumed and painted: `resume` would not paint them again."""
    skipped: int
    """By --skip."""
    dropped: int
    """Of a live source: newer ones came before they could be painted."""
    damaged: int
    """Of those painted: as far as they could be decoded."""
    unreadable: int
    refitted: int
    """Of another size than the first."""
    rerun: int
    """Painted at the second attempt: the first gave NaN or nothing but black."""
    passed_through: int
    """Written as they came: both attempts failed."""
    load_s: float
    """Models loaded, processes started, warmed up; not in `seconds`."""
    fps: float
    its: float
    """Steps asked for x fps, as the original counted."""
    evals: float
    """UNet evaluations of pictures a second: real steps x fps."""
    times: tuple[StageTime, ...]
    """read, those of PaintStages, save."""

    @property
    def busy(self) -> dict[str, float]:
        """0..1 of the run in which each stage was at work."""
        return {time.name: time.seconds / max(self.seconds * time.workers, 1e-9) for time in self.times}

    @property
    def busiest(self) -> tuple[str, float]:
        """The slowest of those that work side by side, and 0..1 of the run in which it was at work."""
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


def busiest_of(times: Sequence[StageTime], busy: Mapping[str, float]) -> tuple[str, float]:
    """The largest of the shares `busy`, by stage; those that take turns have one together."""
    shares: dict[str, float] = {}
    for time in times:
        name = time.turns or time.name
        shares[name] = shares.get(name, 0.0) + busy[time.name]
    return max(shares.items(), key=lambda item: item[1])
