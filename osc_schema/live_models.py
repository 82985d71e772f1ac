"""The live models: their parameters as their packages declare them, and their entries
(`plugins`)."""

import re
from functools import cache
from keyword import iskeyword
from typing import Any

from osc_schema import plugins
from osc_schema.types import Area, FoundObjects, ParamType

OUR_NAMES = frozenset(
    # first parts of addresses
    "audio autopilot bank beat camera child colour contour cue engine feedback fx gesture get "
    "launch layer lfo logo "
    "macro map master mirror mod mode monitor multiverse music output pad post preset redo region "
    "safety sink smooth "
    "still sync tempo text timecode undo window "
    # keys of the configuration
    "announce autosave cues dmx films fps gpu height is_size_free mapping maps midi models name "
    "offline osc overwrite "
    "params presets recordings renderer resume shaders sinks smoothing web web_token width "
    # options of `multiverse run`
    "config dmx_universes fixture frames fullscreen help json lan osc_allow "
    "seconds set size".split()
)
"""Names that a live model cannot have, because the engine has an address, a key or an option of
this name."""


def _areas() -> dict[str, Area]:
    found = {}
    for name, area in plugins.loaded("multiverse.parameters").items():
        if fault := _fault_of(name, area):
            plugins.leave_out(plugins.declared("multiverse.parameters")[name], fault)
        else:
            found[name] = area
    return dict(sorted(found.items(), key=lambda each: (each[1].order, each[0])))


def _fault_of(name: str, area: Area) -> str:
    others = plugins.declared("multiverse.parameters")
    if (
        name in OUR_NAMES
        or iskeyword(name)
        or any(name.startswith(f"{other}_") for other in others)
    ):
        return "this name is taken (by an address, a key, an option or a word of Python)"
    addresses = [
        *(param.address for param in area.params),
        *(command.address for command in area.commands),
    ]
    if not all(re.fullmatch(rf"/{name}(/[a-z0-9_]+)+", address) for address in addresses):
        return f"its addresses must begin with /{name}/, and may have only a-z, 0-9 and _"
    if len(set(addresses)) < len(addresses):
        return "two of its addresses are the same"
    if not any(
        param.address == f"/{name}/enable" and param.type is ParamType.BOOL for param in area.params
    ):
        return f"one of its parameters must be the switch /{name}/enable"
    return ""


BY_NAME = _areas()
AREAS = tuple(BY_NAME.values())
NAMES = tuple(BY_NAME)
"""In the order of the page, which is also that of processing."""
PICTURES = tuple(picture for area in AREAS for picture in area.pictures)
"""Pictures that a run may publish beside the main one."""
PAINTERS = tuple(name for name, area in BY_NAME.items() if area.paints_layer5)
"""Those that layer 5 may show."""


@cache
def live_entries() -> dict[str, Any]:
    """The LiveEntry of each model by name, in their order; only of those that can be loaded and
    have an area."""
    found = plugins.loaded("multiverse.models")
    usable = {}
    for name, area in BY_NAME.items():
        commands = {command.address for command in area.commands}
        if name in found and found[name].name == name and _commands_of(found[name]) <= commands:
            usable[name] = found[name]
    for name in found.keys() - usable:
        reason = (
            "multiverse.parameters must have an AREA of this name, with its calls and lists, "
            "and its ENTRY this name"
        )
        plugins.leave_out(plugins.declared("multiverse.models")[name], reason)
    return usable


def _commands_of(entry: Any) -> set[str]:
    return {*entry.calls, *(f"{at}/list" for at in entry.lists)}


def found_objects() -> FoundObjects:
    """The messages about found objects, of the first model that finds any."""
    return next(area.found_objects for area in AREAS if area.found_objects is not None)
