"""Describes parameters, commands and messages for OSCQuery, without their values. Pure.

TYPE defines what a client sends and how it draws the control (OSCQuery, "Data Types and UI Item
conventions"): `T` is a toggle, `I` a button, `s` with VALS a menu. OVERLOADS lists the plain
numbers that are also accepted; feedback is sent as i, f and s. MULTIVERSE holds attributes for our
own pages beyond the proposal.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Final

from engine.params import Cue
from engine.params.shader_inputs import ShaderInput
from osc_schema import Area, Argument, Command, Param, ParamType, PublishedMessage
from osc_schema.live_models import NAMES as CHILDREN

NO_VALUE: Final = 0
READ_ONLY: Final = 1
READ_AND_WRITE: Final = 3
WRITE_ONLY: Final = 2

Attributes = dict[str, object]

_TYPE: Final = {
    ParamType.FLOAT: "f",
    ParamType.STOPS: "f",
    ParamType.INT: "i",
    ParamType.BOOL: "T",
    ParamType.MENU: "s",
    ParamType.TEXT: "s",
    ParamType.FILE: "s",
    ParamType.TRIGGER: "I",
    ParamType.COLOUR: "ffff",
}
_OWN: Final = (
    *("default", "unit", "scale", "step", "out_of_range", "stops", "menu"),
    *("swatches", "smoothing_ms", "stored", "is_look", "child"),
)
"""Fields of a parameter that our own pages need beyond the proposal."""
_STREAMED: Final = {ParamType.FLOAT, ParamType.STOPS, ParamType.INT, ParamType.COLOUR}
_NAMES: Final = {
    name: name.upper() for name in CHILDREN
} | {  # container titles that capitalising does not give
    "lfo": "LFO",
    "mod": "Modulation",
    "controlnet": "ControlNet",
    "ip_adapter": "IP-Adapter",
    "lora": "LoRA",
}
_UNITS: Final = {  # units.md of the proposal; other units keep our own name
    "s": "time.second",
    "ms": "time.ms",
    "Hz": "time.hz",
    "beats/min": "time.bpm",
    "px": "distance.pixels",
    "deg": "angle.degree",
    "dB": "gain.db-raw",
}


def describe_param(param: Param, area: Area) -> Attributes:
    """The attributes of a parameter except CONTENTS and VALUE; empty ones are left out."""
    attributes: Attributes = {
        "FULL_PATH": param.address,
        "TYPE": _TYPE[param.type],
        "ACCESS": READ_AND_WRITE,
        "DESCRIPTION": param.description,
        "TAGS": list(_tags(param, area)),
        # A lost fader value is corrected by the next one; after a lost switch or name the value
        # stays wrong.
        "CRITICAL": param.type not in _STREAMED,
        "MULTIVERSE": {
            "type": str(param.type),
            **{name: getattr(param, name) for name in _OWN if name != "swatches" or param.swatches},
            "area_title": area.title,
            "words": f"{param.tags} {area.tags}".strip(),
            "is_confirmed": param.is_confirmed,
        },
    }
    count = len(_TYPE[param.type])
    if param.type is not ParamType.TRIGGER:
        attributes["DEFAULT_VALUE"] = (
            list(param.default) if isinstance(param.default, tuple) else [param.default]
        )
    if param.type in _STREAMED:
        attributes["RANGE"] = [{"MIN": param.low, "MAX": param.high}] * count
        attributes["CLIPMODE"] = ["both" if param.out_of_range == "clip" else "none"] * count
        if param.unit:
            attributes["UNIT"] = [_UNITS.get(param.unit, param.unit)] * count
    elif param.type is ParamType.MENU:
        attributes["RANGE"] = [{"VALS": param.menu}]
    elif param.type is ParamType.FILE:
        attributes["EXTENDED_TYPE"] = ["filepath"]
    if param.type is ParamType.COLOUR:
        attributes["RANGE"] = [{"MIN": 0.0, "MAX": 1.0}] * count
        attributes["EXTENDED_TYPE"] = [f"color.rgb.{part}" for part in "rgba"]
    if overloads := list(_overloads(param)):
        attributes["OVERLOADS"] = overloads
    return attributes


def describe_container(path: str, area: Area) -> Attributes:
    """The attributes of a container: `Layer 1`, `LFO 3`, `Sink ndi`. At the top level with the
    area's text. Chataigne shows DESCRIPTION as the container's name, and merges siblings with the
    same one (juce_organicui, OSCQueryHelpers::updateContainerFromData), so it must be short and
    unique among siblings."""
    attributes: Attributes = {"FULL_PATH": path, "ACCESS": NO_VALUE, "DESCRIPTION": title_of(path)}
    if path.count("/") == 1:
        attributes["MULTIVERSE"] = {
            "type": "container",
            "area_title": area.title,
            "about": area.description,
        }
    return attributes


def title_of(path: str) -> str:
    """`/layer/1` -> Layer 1, `/output/1/pin` -> Output 1 pin."""
    parts = path.split("/")
    is_numbered = len(parts) > 3 and parts[2].isdigit()
    first, *more = [_NAMES.get(part, part) for part in parts[0 if is_numbered else -2 :] if part]
    return " ".join([first[0].upper() + first[1:], *more])


def _tags(param: Param, area: Area) -> Iterator[str]:
    yield area.title
    if param.is_look:
        yield "look"
    if param.stored:
        yield "preset"
    if param.child:
        yield f"child {param.child}"
    yield from param.tags.split()


def _overloads(param: Param) -> Iterator[Attributes]:
    """The other accepted type tags."""
    match param.type:
        case ParamType.FLOAT | ParamType.STOPS:
            low, high = math.ceil(param.low), math.floor(param.high)
            if low < high:
                yield {"TYPE": "i", "RANGE": [{"MIN": low, "MAX": high}]}
            if param.stops:
                yield {"TYPE": "s", "RANGE": [{"VALS": param.stops}]}
        case ParamType.INT:
            yield {"TYPE": "f", "RANGE": [{"MIN": param.low, "MAX": param.high}]}
        case ParamType.BOOL | ParamType.TRIGGER:
            yield {"TYPE": "i", "RANGE": [{"VALS": [0, 1]}]}
            yield {"TYPE": "f", "RANGE": [{"VALS": [0.0, 1.0]}]}
        case ParamType.MENU:
            yield {"TYPE": "i", "RANGE": [{"MIN": 0, "MAX": len(param.menu) - 1}]}
            yield {"TYPE": "f", "RANGE": [{"MIN": 0.0, "MAX": len(param.menu) - 1.0}]}
        case ParamType.COLOUR:
            yield {"TYPE": "r"}


def describe_input(view: ShaderInput, area: Area) -> Attributes:
    """The attributes of an input of a playing shader, by its name. Inputs of one label differ by
    their first number."""
    if view.param is not None:
        attributes = describe_param(view.param, area)
    else:
        count = len(view.aliases)
        attributes = {
            "FULL_PATH": view.address,
            "TYPE": "f" * count,
            "ACCESS": READ_AND_WRITE,
            "DESCRIPTION": view.label,
            "TAGS": [area.title],
            "CRITICAL": False,
            "RANGE": [
                {"MIN": low, "MAX": high} for low, high in zip(view.lows, view.highs, strict=True)
            ],
            "CLIPMODE": ["both"] * count,
            "DEFAULT_VALUE": list(view.value_at(view.default)),  # type: ignore[arg-type]
            "MULTIVERSE": {"type": "point", "area_title": area.title},
        }
    attributes["DESCRIPTION"] = f"{view.label} ({view.aliases[0].rpartition('/')[2]})"
    more = attributes["MULTIVERSE"]
    assert isinstance(more, dict)
    attributes["MULTIVERSE"] = {
        **more,
        "label": view.label,
        "aliases": list(view.aliases),
        "low": list(view.lows),
        "high": list(view.highs),
    }
    return attributes


def describe_command(command: Command, area: Area) -> Attributes:
    """The attributes of a command: write-only, answered by OSC messages. A command without
    arguments has no TYPE."""
    tags = "".join(argument.type for argument in command.arguments)
    fewest = sum(not argument.is_optional for argument in command.arguments)
    attributes: Attributes = {"FULL_PATH": command.address}
    if tags:
        attributes["TYPE"] = tags
        attributes["RANGE"] = [_range(argument) for argument in command.arguments]
    attributes |= {
        "ACCESS": WRITE_ONLY,
        "DESCRIPTION": command.description,
        "TAGS": [area.title, "command"],
        "CRITICAL": True,
        "MULTIVERSE": {
            "type": "command",
            "arguments": _arguments(command.arguments),
            "replies": command.replies,
            "area_title": area.title,
        },
    }
    if shorter := [{"TYPE": tags[:count]} for count in range(max(fewest, 1), len(tags))]:
        attributes["OVERLOADS"] = shorter
    return attributes


def _range(argument: Argument) -> Attributes | None:
    """The RANGE of an argument; None: any value of its type."""
    if argument.kind in ("switch", "press"):
        return {"VALS": [0, 1]}
    if argument.choices:
        return {"VALS": argument.choices}
    limits = {"MIN": argument.low, "MAX": argument.high}
    is_limited = argument.kind in ("whole", "number")
    return {key: limit for key, limit in limits.items() if is_limited and limit is not None} or None


def describe_message(message: PublishedMessage, area: Area) -> Attributes:
    """The attributes of a message to subscribers except VALUE. A message without arguments is an
    impulse."""
    tags = "".join(argument.type for argument in message.arguments) or "I"
    return {
        "FULL_PATH": message.address,
        "TYPE": tags,
        "ACCESS": READ_ONLY,
        "DESCRIPTION": message.description,
        "TAGS": [area.title, "told"],
        "CRITICAL": False,
        "MULTIVERSE": {
            "type": "told",
            "arguments": _arguments(message.arguments),
            "area_title": area.title,
        },
    }


def _arguments(arguments: Iterable[Argument]) -> list[Attributes]:
    return [
        {"name": each.name, "type": each.type, "is_optional": each.is_optional}
        for each in arguments
    ]


def describe_cue(cue: Cue, area: Area) -> Attributes:
    """The attributes of a cue: a button that starts it, like `/cue/<n>`."""
    return {
        "FULL_PATH": f"/cue/{cue.number}",
        "TYPE": "I",
        "ACCESS": WRITE_ONLY,
        "DESCRIPTION": f"Cue {cue.number}: {cue.preset}, {'glide' if cue.glide else 'fade'} "
        f"{cue.fade}" + ("" if cue.follow.is_at_once else f", next after {cue.follow}"),
        "TAGS": [area.title],
        "CRITICAL": True,
        "MULTIVERSE": {
            "type": "cue",
            "preset": cue.preset,
            "fade": cue.fade.written,
            "follow": cue.follow.written,
            "glide": cue.glide,
            "area_title": area.title,
        },
    }
