"""Every declaration in page order, and how an address is found. Add a new area's module to AREAS."""

from functools import lru_cache

from osc_schema import (
    audio,
    children,
    colour,
    diffusion,
    engine,
    feedback,
    layers,
    master,
    mirror,
    multiverse,
    presets,
    region,
    sinks,
)
from osc_schema.patterns import PatternIndex
from osc_schema.types import Command, Param

SCHEMA_VERSION = 1
"""Grows when an address goes, or its range or meaning changes; see CHANGELOG.md beside this file."""

AREAS = tuple(
    module.AREA
    for module in (
        multiverse,
        colour,
        layers,
        region,
        diffusion,
        feedback,
        mirror,
        master,
        audio,
        sinks,
        presets,
        children,
        engine,
    )
)
PARAMS: tuple[Param, ...] = tuple(param for area in AREAS for param in area.params)
COMMANDS: tuple[Command, ...] = tuple(command for area in AREAS for command in area.commands)

_PARAM_AT = {param.address: param for param in PARAMS}
_COMMAND_AT = {command.address: command for command in COMMANDS}
_INDEX = PatternIndex(_PARAM_AT)

LONGEST_GUESS_CHARACTERS = 80  # longer texts are not typing errors of an address


def lookup(address: str) -> Param | None:
    return _PARAM_AT.get(address)


def lookup_command(address: str) -> Command | None:
    return _COMMAND_AT.get(address)


@lru_cache(maxsize=1024)
def match(pattern: str) -> tuple[Param, ...]:
    """Parameters whose address the OSC pattern matches, in page order; commands never match.

    Raises Rejected for a malformed pattern.
    """
    return tuple(map(_PARAM_AT.__getitem__, _INDEX.match(pattern)))


def nearest(address: str, count: int = 3) -> tuple[str, ...]:
    """Up to `count` known addresses, parameters and commands, spelled most like `address`, best first."""
    return _nearest(address[:LONGEST_GUESS_CHARACTERS], count)


@lru_cache(maxsize=256)
def _nearest(address: str, count: int) -> tuple[str, ...]:
    import difflib  # only here: 3 ms that a start without typing errors need not pay

    return tuple(difflib.get_close_matches(address, (*_PARAM_AT, *_COMMAND_AT), count))
