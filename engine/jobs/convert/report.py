"""Progress and report of a conversion: the state of each file, and the speed."""

from dataclasses import dataclass
from typing import Any, Literal

from engine.jobs.kit.report import JobProgress, JobReport

State = Literal["converted", "kept", "failed", "interrupted", "not begun", "waiting"]
"""kept: it existed already and --resume skips it, or another run wrote it meanwhile. interrupted:
--resume continues it. waiting: another run is converting it; reported during the run, never at the
end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    source: str
    output: str
    state: State
    reason: str = ""
    """Why it failed, in one line."""
    seconds: float = 0.0
    """Length of the sound; 0 if it was not read."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertProgress(JobProgress):
    """Progress in seconds of sound. `rate`: since the first batch."""

    files_done: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertReport(JobReport):
    files: tuple[FileReport, ...]
    """In command-line order."""
    model: str
    index: str
    """"" for none."""
    rate_hz: int = 0
    """Sample rate of the model; 0 if it was not loaded, because there was nothing to convert."""
    device: str = ""
    """"" if the model was not loaded."""
    dtype: str = ""
    pitch: str = ""
    """Pitch method: rmvpe, fcpe or yin; "" for a model without pitch."""
    batch_size: int = 0
    sound_s: float = 0.0
    """Converted in this run."""
    speed: float = 0.0
    """Seconds of sound per second, without the time to load models."""
    stages: tuple[dict[str, Any], ...] = ()
    """Time of each stage (stage, calls, total_s, mean_ms, share), if profiling is on."""

    @property
    def is_complete(self) -> bool:
        return all(file.state in ("converted", "kept") for file in self.files)

    def as_json(self) -> dict[str, Any]:
        values = JobReport.as_json(self)
        for file in values["files"]:
            file["seconds"] = round(file["seconds"], 3)
        return values
