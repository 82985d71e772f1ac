"""A plug-in in one file: a command, `multiverse heat`, and a row of `multiverse doctor`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli.doctor_checks import Check, CheckRow, ok, warning
from engine.cli.job_options import job_options
from engine.cli.probe import Answer
from engine.errors import SourceError
from engine.jobs.kit import option
from engine.system.power import kept_from_sleep


@dataclass(frozen=True, kw_only=True)
class HeatJob:
    file: Path
    limit_c: float = option(80.0, "Where it is too hot.", metavar="CELSIUS")


@kept_from_sleep("reading files")  # as any job that may take long
@job_options(HeatJob)
def heat(
    file: Annotated[Path, typer.Argument(help="A file with a number.")], **options: Any
) -> None:
    """Tell whether a number is too hot."""
    job = HeatJob(file=file, **options)
    try:
        degrees_c = float(job.file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{job.file}: has no number ({error})") from None
    print("too hot" if degrees_c > job.limit_c else "fine")


def ask() -> dict[str, Any]:
    """Asked by the doctor in a process of its own, because a driver may crash or hang."""
    return {"degrees_c": 21.5}


def judge(heat: Answer) -> Check:
    return warning(heat.error) if heat.error else ok(f"{heat.values['degrees_c']} degrees")


HEAT = CheckRow("heat", ("multiverse_heat:ask",), judge, "")
