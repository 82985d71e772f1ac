"""Progress and report of a conversion: the state of each file, and the speed."""

from dataclasses import dataclass
from typing import Any, Literal

from engine.jobs.kit.progress import JobProgress
from engine.jobs.kit.report import JobReport

State = Literal["converted", "kept", "failed", "interrupted", "not begun", "waiting"]
"""kept: it was there already and --resume leaves it alone, or another run has made it meanwhile. interrupted: --resume
goes on. waiting: another run is making it; reported on the way, never at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    source: str
    output: str
    state: State
    reason: str = ""
    """Why it failed, in one line."""
    seconds: float = 0.0
    """Length of the sound; 0 if it was not heard."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertProgress(JobProgress):
    """In seconds of sound. `rate`: since the first batch."""

    files_done: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertReport(JobReport):
    files: tuple[FileReport, ...]
    """In the order of the command line."""
    model: str
    index: str
    """"" for none."""
    rate_hz: int
    """Sample rate of the model."""
    device: str
    dtype: str
    pitch: str
    """The method: rmvpe, fcpe or yin; "" for a model without."""
    batch_size: int
    sound_s: float
    """Converted in this run."""
    speed: float
    """Seconds of sound a second; models are loaded before."""
    stages: tuple[dict[str, Any], ...]
    """Time of each stage (stage, calls, total_s, mean_ms, share), if profiling is on."""

    @property
    def is_complete(self) -> bool:
        return all(file.state in ("converted", "kept") for file in self.files)

    def as_json(self) -> dict[str, Any]:
        values = JobReport.as_json(self)
        for file in values["files"]:
            file["seconds"] = round(file["seconds"], 3)
        return values
