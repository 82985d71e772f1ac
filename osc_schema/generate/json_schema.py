"""The address list for programs: a JSON Schema (2020-12) of an object with canonical values by
address.

Properties that JSON Schema does not define are under `x-multiverse`, and so are the commands and
the published messages, at the top level.
"""

import json
from collections.abc import Iterable
from typing import Any

from osc_schema.table import SCHEMA_VERSION
from osc_schema.types import Area, Argument, Command, Param, ParamType, PublishedMessage

_JSON_TYPE = {
    ParamType.FLOAT: "number",
    ParamType.STOPS: "number",
    ParamType.INT: "integer",
    ParamType.BOOL: "boolean",
    ParamType.TRIGGER: "boolean",
    ParamType.MENU: "string",
    ParamType.TEXT: "string",
    ParamType.FILE: "string",
    ParamType.COLOUR: "array",
}


def json_schema(areas: Iterable[Area]) -> str:
    """The schema as JSON text, parameters in page order."""
    areas = tuple(areas)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Multiverse parameters by OSC address",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            param.address: _property(param, area.title) for area in areas for param in area.params
        },
        "x-multiverse": {
            "version": SCHEMA_VERSION,
            "commands": [_command(command) for area in areas for command in area.commands],
            "told": [_message(message) for area in areas for message in area.messages],
        },
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _property(param: Param, title: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": _JSON_TYPE[param.type], "description": param.description}
    if param.type in (ParamType.FLOAT, ParamType.STOPS, ParamType.INT):
        entry |= {"minimum": param.low, "maximum": param.high}
        if param.step > 1:
            entry["multipleOf"] = param.step
    elif param.type is ParamType.MENU:
        entry["enum"] = param.menu
    elif param.type in (ParamType.TEXT, ParamType.FILE):
        entry |= {"minLength": param.low, "maxLength": param.high}
    elif param.type is ParamType.COLOUR:
        entry |= {
            "items": {"type": "number", "minimum": 0, "maximum": 1},
            "minItems": 4,
            "maxItems": 4,
        }
    entry["default"] = param.default
    entry["x-multiverse"] = {
        "area": title,
        "type": param.type,
        "unit": param.unit,
        "outOfRange": param.out_of_range,
        "scale": param.scale,
        "smoothingMs": param.smoothing_ms,
        "stops": param.stops,
        "inPresets": param.stored,
        "resumed": param.resumed,
        "resetByPanic": param.is_look,
        "child": param.child,
    }
    return entry


def _command(command: Command) -> dict[str, Any]:
    return {
        "address": command.address,
        "arguments": _arguments(command.arguments),
        "description": command.description,
        "replies": command.replies,
    }


def _message(message: PublishedMessage) -> dict[str, Any]:
    last = {"last": message.last} if message.last else {}
    return {
        "address": message.address,
        **last,
        "arguments": _arguments(message.arguments),
        "description": message.description,
    }


def _arguments(arguments: Iterable[Argument]) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "type": each.type, "optional": each.is_optional} for each in arguments
    ]
