"""What a run has done: what became of each file, and how fast."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["converted", "kept", "failed", "interrupted", "not begun", "waiting"]
"""kept: it was there already, and --resume leaves it alone, or another run has made it meanwhile. interrupted: --resume
goes on where it stopped. waiting: another run is making it; told on the way, never in the report at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    source: str
    output: str
    state: State
    reason: str = ""
    """Why it failed, in one line."""
    seconds: float = 0.0
    """Of sound; 0 where it was not heard."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is, told by the thread that called it."""

    done_s: float
    """Seconds of sound that were converted, or are not to be."""
    expected_s: float
    """In all, as far as the files promise."""
    files_done: int
    files: int
    speed: float
    """Seconds of sound a second, since the first batch."""
    left_s: float | None
    """Until the end, if it goes on so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertReport:
    files: tuple[FileReport, ...]
    """In the order of the command line."""
    is_interrupted: bool
    model: str
    index: str
    """"" for none."""
    rate_hz: int
    """Of the model."""
    device: str
    dtype: str
    pitch: str
    """The method: rmvpe, fcpe or yin; "" for a model without."""
    batch_size: int
    sound_s: float
    """Converted in this run."""
    seconds: float
    """From the first file's reading to the last one's writing."""
    speed: float
    """Seconds of sound a second; models are loaded before."""
    stages: tuple[dict[str, Any], ...]
    """Where the time went (stage, calls, total_s, mean_ms, share), if it was asked for."""
    peak_memory_mb: float
    memory_of: Literal["device", "process"]
    notes: tuple[str, ...]
    """Of the run as a whole."""

    @property
    def is_complete(self) -> bool:
        return all(file.state in ("converted", "kept") for file in self.files)

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        for name in ("sound_s", "seconds", "speed", "peak_memory_mb"):
            values[name] = round(values[name], 3)
        for file in values["files"]:
            file["seconds"] = round(file["seconds"], 3)
        return values
