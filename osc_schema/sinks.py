"""Outputs: on and off, names, and the picture they publish."""

from typing import Any

from osc_schema.declare import NAME_CHARACTERS, arguments, file, switch, text, trigger
from osc_schema.live_models import PICTURES
from osc_schema.types import Area, Command, ExtraPicture, Param

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
    models = " and ".join(dict.fromkeys(picture.model for picture in PICTURES))
    also = f" The {models} pictures are switched with it." if kind in NAMED else ""
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


def _prefixes(first: ExtraPicture, *others: ExtraPicture) -> str:
    told = [f"The prefix `{first.name}:` ({first.name}:record) publishes {first.shows}"]
    return ", ".join([*told, *(f"`{other.name}:` {other.shows}" for other in others)])


_PREFIXES = _prefixes(*PICTURES)
_RECORDINGS = ", ".join(("record", *(f"{picture.name}:record" for picture in PICTURES[:2])))  # examples
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
            "Name of the next snapshot in the recordings folder (.png; .16.png: 16 bits); empty: date and time.",
            **_RUNNING,
        ),
    ),
    commands=(
        Command(
            address="/sink/start",
            arguments=arguments("kind:s name_or_file:s?"),
            description=f"Starts a sink ({', '.join(KINDS)}) under a name, or into a file of the recordings folder. "
            f"Several of one kind can run under different names. {_PREFIXES}, each at its own size. Syphon, Spout, "
            "shared and ndi start these automatically.",
            replies=("/done /sink/start <kind>", "/fail /sink/start <reason>"),
        ),
        Command(
            address="/sink/stop",
            arguments=arguments("kind:s name_or_file:s?"),
            description="Stops a sink; without a name, every sink of the kind "
            f"({_RECORDINGS}). Recordings are finished.",
            replies=("/done /sink/stop <kind> [name_or_file]", "/fail /sink/stop <reason>"),
        ),
    ),
)
