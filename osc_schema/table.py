"""All declarations in page order, and the lookup of addresses. A new area's module is added to
_BEFORE_MODELS or _AFTER_MODELS; those of live models come from `plugins`."""

import re
from dataclasses import replace
from functools import lru_cache

from osc_schema import (
    audio,
    autopilot,
    banks,
    children,
    colour,
    contour,
    cues,
    engine,
    feedback,
    fx,
    graphics,
    launch,
    layers,
    live_models,
    macros,
    mapping,
    master,
    mirror,
    modulation,
    multiverse,
    outputs,
    post,
    presets,
    region,
    sinks,
    tempo,
    timecode,
    undo,
    window,
)
from osc_schema.first_look import FIRST_LOOK
from osc_schema.patterns import PatternIndex
from osc_schema.types import Area, Command, ExtraPicture, Param, PublishedMessage, Value

SCHEMA_VERSION = 4
"""Incremented when an address is removed, or its range, default or meaning changes; see
CHANGELOG.md here."""
RENAMED = {
    "/mirror": "/mirror/mode",
    "/safety/flash": "/safety/flash_guard",
    **{f"/lfo/{n}/sync": f"/lfo/{n}/tempo_sync" for n in modulation.LFOS},
}
"""Old address -> new address, so that older presets and maps still work."""
ADDED: dict[str, tuple[int, str, Value]] = {
    "/colour/glide_ms": (3, "/colour/mode", 0.0),
    "/colour/spread": (3, "/colour/mode", 1.0),
    "/colour/shift": (4, "/colour/mode", 0.0),
    "/colour/map": (4, "/colour/mode", 0.0),
    "/multiverse/light": (4, "/multiverse/blend", "classic"),
    **{f"/layer/{n}/shape": (4, f"/layer/{n}/curve", "stripes") for n in layers.LAYERS},
    **{
        f"/post/{name}": (4, "/multiverse/blend", 0.0)
        for name in ("bloom", "glow", "chromatic", "vignette", "grain")
    },
    **{fx.file_address(slot): (4, "/multiverse/blend", "") for slot in fx.LOOK_SLOTS},
}
"""Parameters added later that would change the look of older presets, by address: the version that
added it, an address that every older preset of this area contains, and the value that keeps the old
look."""

_BEFORE_MODELS = (multiverse, colour, layers, region)
_AFTER_MODELS = (
    *(
        feedback,
        mirror,
        graphics,
        contour,
        post,
        fx,
        modulation,
        macros,
        tempo,
        launch,
        timecode,
        master,
        audio,
    ),
    *(sinks, outputs, window, presets, banks, cues, undo, autopilot, mapping, children, engine),
)
_DECLARED_AREAS = (
    *(module.AREA for module in _BEFORE_MODELS),
    *live_models.AREAS,
    *(module.AREA for module in _AFTER_MODELS),
)
DECLARED: tuple[Param, ...] = tuple(param for area in _DECLARED_AREAS for param in area.params)
"""All parameters with the defaults of their own lines: a plain picture, without movement."""

EXTRA_PICTURES: tuple[ExtraPicture, ...] = (*live_models.PICTURES, outputs.SECOND)
"""Pictures that the engine may publish in addition to the main one."""
_NUMBER = re.compile(r"/([1-9][0-9]{0,2})(?=/|\Z)")
MAX_GUESS_CHARACTERS = 80  # a longer text is not a mistyped address
MIN_LIKENESS = 0.65  # 0..1: with less, /mode would be suggested for /nope


def _with_first_look(area: Area) -> Area:
    params = (
        replace(param, default=FIRST_LOOK.get(param.address, param.default))
        for param in area.params
    )
    return replace(area, params=tuple(params))


AREAS = tuple(map(_with_first_look, _DECLARED_AREAS))
"""All areas. The defaults of the parameters are the first look."""
PARAMS: tuple[Param, ...] = tuple(param for area in AREAS for param in area.params)
COMMANDS: tuple[Command, ...] = tuple(command for area in AREAS for command in area.commands)
MESSAGES: tuple[PublishedMessage, ...] = tuple(
    message for area in AREAS for message in area.messages
)
FULLY_NAMED = frozenset(name for area in AREAS for name in area.fully_named)
"""First parts of addresses that a pattern must write out."""

_PARAM_AT = {param.address: param for param in PARAMS}
_COMMAND_AT = {command.address: command for command in COMMANDS}
_MESSAGE_AT = {each.address: each for message in MESSAGES for each in message.fixed()}
_INDEX = PatternIndex(_PARAM_AT)


def lookup(address: str) -> Param | None:
    return _PARAM_AT.get(address)


def lookup_command(address: str) -> Command | None:
    """The command at `address`, or None; `/cue/<n>` is also found as `/cue/1` to `/cue/999`."""
    return _COMMAND_AT.get(address) or _COMMAND_AT.get(split_number(address)[0])


def lookup_message(address: str) -> PublishedMessage | None:
    """The message to subscribers of that address, with its number, such as `/audio/1/rms`."""
    return _MESSAGE_AT.get(address)


def split_number(address: str) -> tuple[str, int]:
    """`/cue/12` split into `/cue/<n>` and 12, at the first part that is a number 1..999; else
    `address` and 0."""
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
    """Up to `count` known addresses of parameters and commands, spelled like `address` in any case,
    best first.

    If none is similar, those that end in the same part, such as /master/panic for /panic; else an
    empty tuple.
    """
    return _nearest(address[:MAX_GUESS_CHARACTERS].lower(), count)


@lru_cache(maxsize=256)
def _nearest(address: str, count: int) -> tuple[str, ...]:
    import difflib  # imported here: saves 3 ms at every start without a typing error

    known = (*_PARAM_AT, *_COMMAND_AT)
    alike = difflib.get_close_matches(address, known, count, cutoff=MIN_LIKENESS)
    last_part = f"/{address.rpartition('/')[2]}"
    return tuple(alike or [other for other in known if other.endswith(last_part)][:count])
