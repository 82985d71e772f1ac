"""Options of a command, written once: as metadata of the fields of the job's dataclass.

    batch: int = option(1, "Pictures at once; image mode.", low=1, high=4)

`engine/cli/job_options.py` makes `--batch` of it, with the type and the default of the field. A dataclass that is not
the job's own gets its options from a table, `{"pitch": OptionInfo(...)}`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# The same words in every command.
RESUME = "Go on where an interrupted run stopped."
OVERWRITE = "Replace what exists."
JSON = "Print one JSON object."
DEVICE = "Where to work."
DTYPE = "Precision."
CLUSTER = "Run on the machines of a Ray cluster."
DEVICES = "auto|cpu|cuda|mps"
DTYPES = "auto|float16|bfloat16|float32"
CLUSTERS = "auto|ADDRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionInfo:
    help: str
    flags: str = ""
    """As `--compile` or `--fp16/--no-fp16`; "" to make it from the field's name."""
    metavar: str | None = None
    low: float | None = None
    """Checked and shown by the command line; None if the job's `check` does it alone."""
    high: float | None = None
    parse: Callable[[str], Any] | None = None
    """From the text of the command line to the value; of each text if the field is a tuple."""
    is_configured: bool = False
    """True if the value comes from a configuration file, or the field's default, unless it is given."""
    shows_default: bool = True


def option(default: Any, help: str, **info: Any) -> Any:
    """A field with this default that is an option; `info` as OptionInfo has it."""
    return field(default=default, metadata={"option": OptionInfo(help=help, **info)})
