"""Every declaration in page order, and how an address is found. Add a new area's module to AREAS."""

import re
from functools import lru_cache

from osc_schema import (
    audio,
    children,
    colour,
    cues,
    engine,
    feedback,
    layers,
    mapping,
    master,
    mirror,
    modulation,
    multiverse,
    presets,
    region,
    sinks,
    tempo,
)
from osc_schema import rvc as voice
from osc_schema import sam3 as segmentation
from osc_schema import sd as diffusion
from osc_schema.patterns import PatternIndex
from osc_schema.types import Command, ExtraPicture, Param, Value

SCHEMA_VERSION = 3
"""Grows when an address goes, or its range, default or meaning changes; see CHANGELOG.md beside this file."""
RENAMED = {
    "/mirror": "/mirror/mode",
    "/safety/flash": "/safety/flash_guard",
    **{f"/lfo/{n}/sync": f"/lfo/{n}/tempo_sync" for n in modulation.LFOS},
}
"""Old address -> the one it has now: presets and maps saved before still mean the same."""
ADDED: dict[str, tuple[int, str, Value]] = {
    "/colour/glide_ms": (3, "/colour/mode", 0.0),
    "/colour/spread": (3, "/colour/mode", 1.0),
}
"""What changes how older ones of its area look: the version that brought it, one that a preset of before holds if it is
about this at all, and the value with which such a preset still looks the same."""

AREAS = tuple(
    module.AREA
    for module in (
        multiverse,
        colour,
        layers,
        region,
        diffusion,
        segmentation,
        voice,
        feedback,
        mirror,
        modulation,
        tempo,
        master,
        audio,
        sinks,
        presets,
        cues,
        mapping,
        children,
        engine,
    )
)
PARAMS: tuple[Param, ...] = tuple(param for area in AREAS for param in area.params)
COMMANDS: tuple[Command, ...] = tuple(command for area in AREAS for command in area.commands)
EXTRA_PICTURES: tuple[ExtraPicture, ...] = tuple(picture for area in AREAS for picture in area.pictures)
"""What a run may publish beside the main picture."""
FULLY_NAMED = frozenset(name for area in AREAS for name in area.fully_named)
"""First parts of addresses that a pattern must write out."""

_PARAM_AT = {param.address: param for param in PARAMS}
_COMMAND_AT = {command.address: command for command in COMMANDS}
_INDEX = PatternIndex(_PARAM_AT)

_NUMBER = re.compile(r"/([1-9][0-9]{0,2})(?=/|\Z)")
MAX_GUESS_CHARACTERS = 80  # longer texts are not typing errors of an address
MIN_LIKENESS = 0.65  # of 0..1: below it /mode is a guess for /nope


def lookup(address: str) -> Param | None:
    return _PARAM_AT.get(address)


def lookup_command(address: str) -> Command | None:
    """The command at `address`: `/cue/<n>` is found under that name and under `/cue/1` to `/cue/999`."""
    return _COMMAND_AT.get(address) or _COMMAND_AT.get(split_number(address)[0])


def split_number(address: str) -> tuple[str, int]:
    """`/cue/12` as `/cue/<n>` and 12: the first part that is a whole number 1..999. Without one, `address` and 0."""
    number = _NUMBER.search(address)
    if number is None:
        return address, 0
    return f"{address[: number.start()]}/<n>{address[number.end() :]}", int(number[1])


@lru_cache(maxsize=1024)
def match(pattern: str) -> tuple[Param, ...]:
    """Parameters whose address the OSC pattern matches, in page order; commands never match.

    Raises Rejected for a malformed pattern.
    """
    return tuple(map(_PARAM_AT.__getitem__, _INDEX.match(pattern)))


def nearest(address: str, count: int = 3) -> tuple[str, ...]:
    """Up to `count` known addresses, parameters and commands, spelled like `address`, best first; where none is, those
    that end in the same part, as /master/panic for /panic. None, where there are none of these either."""
    return _nearest(address[:MAX_GUESS_CHARACTERS], count)


@lru_cache(maxsize=256)
def _nearest(address: str, count: int) -> tuple[str, ...]:
    import difflib  # only here: 3 ms that a start without typing errors need not pay

    known = (*_PARAM_AT, *_COMMAND_AT)
    alike = difflib.get_close_matches(address, known, count, cutoff=MIN_LIKENESS)
    last_part = f"/{address.rpartition('/')[2]}"
    return tuple(alike or [other for other in known if other.endswith(last_part)][:count])
