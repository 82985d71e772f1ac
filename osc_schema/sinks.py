"""Outputs: which run, under which name, and for which picture."""

from typing import Any

from osc_schema.declare import NAME_CHARACTERS, arguments, file, switch, text, trigger
from osc_schema.types import Area, Command, Param

NAMED = ("syphon", "spout", "shared", "ndi")
KINDS = (*NAMED, "record", "snapshot", "null")
DEFAULT_NAME = "Multiverse"
# Not kept anywhere: the command line decides what runs.
_RUNNING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}

_WHAT = {
    "syphon": "the Syphon server (macOS)",
    "spout": "the Spout sender (Windows)",
    "shared": "the shared-memory ring",
    "ndi": "the NDI source (other machines)",
    "record": "the recording (with sound, MP4)",
    "snapshot": "the PNG writer",
    "null": "the sink that throws pictures away",
}


def _sink(kind: str) -> tuple[Param, ...]:
    also = " Those of the pictures of Stable Diffusion and SAM3 come and go with it." if kind in NAMED else ""
    enable = switch(f"/sink/{kind}/enable", False, f"Starts and stops {_WHAT[kind]}.{also}", **_RUNNING)
    if kind not in NAMED:
        return (enable,)
    name = text(
        f"/sink/{kind}/name",
        DEFAULT_NAME,
        f"Name under which receivers find {_WHAT[kind]}; taken at its next start.",
        fewest=1,
        most=NAME_CHARACTERS,
        **_RUNNING,
    )
    return enable, name


AREA = Area(
    title="Sinks",
    description="Outputs. Each can be started and stopped while the engine runs; one that fails is retried.",
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
            description=f"Starts a sink ({', '.join(KINDS)}) under a name, or into a file of the recordings "
            "folder. Several of one kind can run under different names. After `sd:` (sd:record) it is for the picture "
            "of Stable Diffusion, after `sam3:` for where SAM3 looks with the masks over it, after `sam3_mask:` for "
            "the masks alone (numbers, which ndi and record blur), each at its own size; the kinds with a name bring "
            "theirs along by themselves.",
            replies=("/done /sink/start <kind>", "/fail /sink/start <reason>"),
        ),
        Command(
            address="/sink/stop",
            arguments=arguments("kind:s name_or_file:s?"),
            description="Stops a sink; without a name every sink of the kind (record, sd:record, sam3:record). "
            "Recordings are finished.",
            replies=("/done /sink/stop <kind> [name_or_file]", "/fail /sink/stop <reason>"),
        ),
    ),
)
