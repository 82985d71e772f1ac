"""The row of Blender in `multiverse doctor`, registered by the entry point `multiverse.checks`."""

from typing import Any

from engine.cli.doctor_checks import Check, CheckRow, note, ok, warning
from engine.cli.probe import Answer
from engine.dataset.cycles.drawing import query_blender
from engine.dataset.cycles.finding import install_command, locate_blender


def ask() -> dict[str, Any]:
    """Query version and devices of Blender, in a child process; {} if it is not installed."""
    blender = locate_blender()
    return {} if blender is None else query_blender(blender) | {"path": str(blender)}


def judge(blender: Answer) -> Check:
    """Turn the answer of `ask` into a row. Blender is optional: only `multiverse dataset` needs
    it."""
    if blender.error:
        return warning(blender.error, install_command())
    if not blender.values:
        return note(
            "not installed: `multiverse dataset` can only use --engine raster", install_command()
        )
    found = blender.values
    devices = ", ".join(found["gpus"]) or "the CPU"
    return ok(
        f"{found['version']} with Python {found['python']}, Cycles on {devices} ({found['path']})"
    )


BLENDER = CheckRow("Blender", ("engine.dataset.cli.blender_check:ask",), judge, "")
