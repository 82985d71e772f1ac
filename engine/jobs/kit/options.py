"""Command-line options, declared once, as metadata of the fields of the job's dataclass.

    batch: int = option(1, "Pictures at once; image mode.", low=1, high=4)

`engine/cli/job_options.py` derives `--batch` from this, with the type and default of the field. A
dataclass from another package gets its options from a table, `{"pitch": OptionInfo(...)}`.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from engine.errors import UsageError

# Help texts that every command shares.
RESUME = "Continue an interrupted run."
OVERWRITE = "Replace existing output."
RECURSIVE = "Of a folder of pictures, take those of its subfolders, too."
FPS = "Pictures per second of a folder of pictures: 30, 29.97 or 30000/1001. (default: 25)"
DEINTERLACE = (
    "Of an interlaced video make a picture of each field (50i: 50 per second), or of "
    "each frame (25)."
)
METADATA = "Write prompt, settings, model and version into the output's metadata."
JSON = "Print one JSON object."
DEVICE = "Device to run on."
DTYPE = (
    "Precision; auto: 16 bits on a card, on a CPU bfloat16 if it has units for it, else float32."
)
CLUSTER = "Run on the machines of a Ray cluster."
DEVICES = "auto|cpu|cuda|mps"
DTYPES = "auto|float16|bfloat16|float32"
CLUSTERS = "auto|ADDRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionInfo:
    help: str
    flags: str = ""
    """Such as `--compile`, `--metadata/--no-metadata`, or two names, `--guidance --cfg`; "": by the
    field's name."""
    metavar: str | None = None
    low: float | None = None
    """Checked and shown by the command line; None if only the job's `check` tests the range."""
    high: float | None = None
    parse: Callable[[str], Any] | None = None
    """Converts the text from the command line to the value; applied to each item if the field is a
    tuple."""
    is_configured: bool = False
    """True if the value comes from a configuration file, or else the field's default, when the
    option is absent."""
    shows_default: bool = True

    def flags_of(self, name: str) -> str:
        return self.flags or f"--{name.replace('_', '-')}"


def check_ranges(job: Any) -> None:
    """Raise UsageError for a value of a job's dataclass outside the range that its option
    declares."""
    for each in fields(job):
        info = each.metadata.get("option")
        value = getattr(job, each.name)
        if info is not None and info.low is not None and value is not None:
            check_number(info.flags_of(each.name), value, info.low, info.high)


def option_values(job: Any, *, but: Collection[str]) -> dict[str, Any]:
    """Values of a job's options, by their flags; `but`: names of fields to leave out."""
    infos = {
        each.name: each.metadata["option"]
        for each in fields(job)
        if each.metadata and each.name not in but
    }
    return {info.flags_of(name): getattr(job, name) for name, info in infos.items()}


def option(default: Any, help: str, **info: Any) -> Any:
    """Declare a dataclass field that is also a command-line option; `info`: further fields of
    OptionInfo."""
    return field(default=default, metadata={"option": OptionInfo(help=help, **info)})


def check_number(option: str, value: float, low: float, high: float | None = None) -> None:
    """Raise UsageError if the value is below `low`, above `high` or NaN."""
    if not value >= low or (high is not None and value > high):
        allowed = (
            f"{_as_text(low)} or more" if high is None else f"{_as_text(low)} to {_as_text(high)}"
        )
        raise UsageError(f"{option}: {_as_text(value)} is not {allowed}")


def check_place(device: str, dtype: str, dtypes: str = DTYPES) -> None:
    """Raise UsageError for a device or a precision that no machine has. `dtypes`: the precisions,
    between bars."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise UsageError(f"--device {device}: not one of auto, cpu, cuda, cuda:N, mps")
    if dtype not in dtypes.split("|"):
        raise UsageError(f"--dtype {dtype}: not one of {dtypes.replace('|', ', ')}")


def check_no_stream(*names: Path | str) -> None:
    """Raise UsageError for `-`, the usual name for stdin or stdout, which no job supports."""
    if any(str(name) == "-" for name in names):
        raise UsageError(
            "-: stdin and stdout are not supported; name a file (for a file called - give ./-)"
        )


def _as_text(value: float) -> str:
    """Format a number; integers with all digits, because they may be larger than any float."""
    return str(value) if isinstance(value, int) else f"{value:g}"
