"""Outputs: on and off, names, and the picture they publish."""

from typing import Any

from osc_schema.declare import NAME_CHARACTERS, arguments, file, switch, text, trigger
from osc_schema.types import Area, Command, Param

NAMED = ("syphon", "spout", "shared", "ndi")
KINDS = (*NAMED, "record", "snapshot", "null")
DEFAULT_NAME = "Multiverse"
# Never saved: set by the command line.
_RUNNING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}

_WHAT = {
    "syphon": "the Syphon server (macOS)",
    "spout": "the Spout sender (Windows)",
    "shared": "the shared-memory ring",
    "ndi": "the NDI source (other machines)",
    "record": "the recording (with sound, MP4)",
    "snapshot": "the PNG writer",
    "null": "the null sink, which discards pictures",
}


def _sink(kind: str) -> tuple[Param, ...]:
    also = " The Stable Diffusion and SAM3 pictures are switched with it." if kind in NAMED else ""
    enable = switch(f"/sink/{kind}/enable", False, f"Starts and stops {_WHAT[kind]}.{also}", **_RUNNING)
    if kind not in NAMED:
        return (enable,)
    name = text(
        f"/sink/{kind}/name",
        DEFAULT_NAME,
        f"Name of {_WHAT[kind]} for receivers; takes effect at its next start.",
        fewest=1,
        most=NAME_CHARACTERS,
        **_RUNNING,
    )
    return enable, name


AREA = Area(
    title="Sinks",
    description="Outputs. Each can be started and stopped while the engine runs; a failed one is retried.",
    words="output record recording share texture export stream",
    fully_named=("sink",),
    params=(
        *(param for kind in KINDS for param in _sink(kind)),
        file(
            "/sink/record/file",
            "Name of the next recording in the recordings folder; empty: date and time.",
            **_RUNNING,
        ),
        trigger("/sink/snapshot/take", "Writes the next picture as a PNG."),
        file(
            "/sink/snapshot/file",
            "Name of the next snapshot in the recordings folder; empty: date and time.",
            **_RUNNING,
        ),
    ),
    commands=(
        Command(
            address="/sink/start",
            arguments=arguments("kind:s name_or_file:s?"),
            description=f"Starts a sink ({', '.join(KINDS)}) under a name, or into a file of the recordings folder. "
            "Several of one kind can run under different names. The prefix `sd:` (sd:record) publishes the picture of "
            "Stable Diffusion, `sam3:` the input of SAM3 with masks over it, `sam3_mask:` the masks only (object "
            "numbers; ndi and record blur them), each at its own size. Syphon, Spout, shared and ndi start these "
            "automatically.",
            replies=("/done /sink/start <kind>", "/fail /sink/start <reason>"),
        ),
        Command(
            address="/sink/stop",
            arguments=arguments("kind:s name_or_file:s?"),
            description="Stops a sink; without a name, every sink of the kind (record, sd:record, sam3:record). "
            "Recordings are finished.",
            replies=("/done /sink/stop <kind> [name_or_file]", "/fail /sink/stop <reason>"),
        ),
    ),
)
