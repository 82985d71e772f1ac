"""The address list for people: everything needed to control the engine without reading its
source."""

import dataclasses
import re
from collections.abc import Iterable
from importlib import import_module

from osc_schema.types import Area, Argument, Command, Param, ParamType, PublishedMessage

_HEAD = """\
# OSC addresses

Generated from the declarations in `osc_schema/` by `multiverse schema write`; do not edit.

Send `ADDRESS VALUE` to the engine, by default at 127.0.0.1:9000, UDP or TCP.
`/layer/<1-4>/angle` stands for four addresses, `/layer/1/angle` to `/layer/4/angle`.

- **Patterns**: `*` any characters and `?` one character within a level, `[a-c]` one of these
  characters and `[!x]` any other, `{one,two}` one of these words, `//` any number of levels.
  `/layer/*/mute 1` mutes layers 1 to 4. To set FULLY_NAMED or a trigger with a pattern, its first
  part must be written in full, as in `/sink/*/enable 0`; `//*` and `/*/width` do not change them.
- **Bundles**: all changes in a bundle appear in the same frame; a bundle with a time tag waits for
  its time.
- **Menus** take an item's name or its index, counted from 0. **Stops** are numbers with names:
  send either.
- **Commands** take the arguments that are listed, no more; those in brackets may be left out, and
  one of several names at the end comes without those before it, too (`/cue/go bar`). `button` is
  what a button of a control surface adds: 1, or 0 when it is released, which does nothing.
- **Triggers** fire on any number except 0, and on a message without arguments.
- **Glide** is the time after which a value has moved 63 % of the way to a new one; `/smooth`
  changes it.
- **Out of range**: *clipped* to the limit, *wrapped* around (the two ends are the same), or
  *rejected*: the value does not change. Each rejection is counted, and reported at most once per
  second.
- **Kept**: *preset*: stored in presets; *resume*: restored by `--resume` after a crash; *panic*:
  reset to its default by `/master/panic`.
- **Answers** go to subscribers (`/engine/notify`) and to the sender of `/get`, as `i`, `f` and `s`
  only.
- **Messages** are sent to subscribers in addition to the values; they cannot be set; `/get`
  answers with the last one, and OSCQuery has their last values.
"""

_PARAM_ROW = "| Address | What it does | Values | Default | Glide, kept |"
_COMMAND_ROW = "| Command | What it does | Arguments | Answers |"
_MESSAGE_ROW = "| Message | What it says | Arguments |"


def address_list(areas: Iterable[Area]) -> str:
    """The whole list as Markdown, one section per area."""
    areas = tuple(areas)
    fully_named = ", ".join(
        f"`/{name}`" for name in sorted({name for area in areas for name in area.fully_named})
    )
    return "\n".join(
        [
            _HEAD.replace("FULLY_NAMED", fully_named),
            _coercions(),
            *(_section(area) for area in areas),
        ]
    )


def _coercions() -> str:
    """The table of accepted values by type, from the docstring of `osc_schema.accepting`."""
    documentation = import_module("osc_schema.accepting").__doc__ or ""
    _, table, rest = documentation.partition("| type |")
    notes, _, _ = rest.partition("\nHot path")
    return f"## Accepted values by type\n\n{table}{notes}"


def _section(area: Area) -> str:
    lines = [f"## {area.title}", "", area.description, ""]
    if area.params:
        lines += [_PARAM_ROW, _rule(_PARAM_ROW), *map(_param_row, _families(area.params)), ""]
    if area.commands:
        lines += [_COMMAND_ROW, _rule(_COMMAND_ROW), *map(_command_row, area.commands), ""]
    if area.messages:
        lines += [_MESSAGE_ROW, _rule(_MESSAGE_ROW), *map(_message_row, area.messages), ""]
    return "\n".join(lines)


def _families(params: Iterable[Param]) -> list[list[Param]]:
    """Parameters grouped into families: those that differ only in a number in the address and in
    the default."""
    families: dict[Param, list[Param]] = {}
    for param in params:
        number = re.search(r"/(\d+)/", param.address)
        key = param
        if number:
            n = number[1]
            key = dataclasses.replace(
                param,
                address=param.address.replace(f"/{n}/", "/#/"),
                default="",
                description=_in_general(param.description, n),
            )
        families.setdefault(key, []).append(param)
    return list(families.values())


def _in_general(description: str, n: str) -> str:
    """`Turns layer 1` -> `Turns layer n`."""
    return re.sub(rf"\b(layer|channel|wave|ControlNet|LoRA|Object) {n}\b", r"\1 n", description)


def _param_row(family: list[Param]) -> str:
    first, last = family[0], family[-1]
    address = first.address
    description = first.description
    defaults = [_default(param) for param in family]
    if len(family) > 1:
        low, high = (re.findall(r"/(\d+)/", param.address)[0] for param in (first, last))
        address = address.replace(f"/{low}/", f"/<{low}-{high}>/")
        description = _in_general(description, low)
    if len(set(defaults)) == 1:
        defaults = defaults[:1]
    return _row(
        f"`{address}`",
        description,
        f"{first.type.value} {_values(first)}".strip()
        + ", wrapped" * (first.out_of_range == "wrap"),
        ", ".join(defaults),
        ", ".join(
            filter(
                None,
                (f"{first.smoothing_ms:g} ms" if first.smoothing_ms else "", _stored_in(first)),
            )
        ),
    )


def _values(param: Param) -> str:
    if param.type is ParamType.MENU:
        return ", ".join(f"`{item}`" for item in param.menu)
    if param.type in (ParamType.BOOL, ParamType.TRIGGER):
        return ""
    span = f"{param.low:.10g}..{param.high:.10g}{' ' if param.unit else ''}{param.unit}"
    if param.type is ParamType.STOPS:
        return f"{span}: " + ", ".join(f"{at} `{name}`" for at, name in enumerate(param.stops))
    if param.step > 1:
        return f"{span}, multiples of {param.step}"
    return f"{span}, exponential" if param.scale == "exponential" else span


def _default(param: Param) -> str:
    if param.type is ParamType.TRIGGER:
        return ""
    if isinstance(param.default, bool):
        return str(int(param.default))
    if isinstance(param.default, str):
        return f"`{param.default}`" if param.default else "empty"
    if isinstance(param.default, tuple):
        return " ".join(f"{part:g}" for part in param.default)
    return f"{param.default:g}"


def _stored_in(param: Param) -> str:
    groups = {"preset": param.stored, "resume": param.resumed, "panic": param.is_look}
    return ", ".join(name for name, is_member in groups.items() if is_member)


def _command_row(command: Command) -> str:
    return _row(
        f"`{command.address}`",
        command.description,
        _arguments(command.arguments),
        "<br>".join(f"`{reply}`" for reply in command.replies) or "none",
    )


def _message_row(message: PublishedMessage) -> str:
    address = message.address.replace("<n>", f"<1-{message.last}>")
    return _row(f"`{address}`", message.description, _arguments(message.arguments))


def _arguments(arguments: Iterable[Argument]) -> str:
    named = ((f"{argument.name}: {argument.type}", argument.is_optional) for argument in arguments)
    return ", ".join(f"[{name}]" if is_optional else name for name, is_optional in named) or "none"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _rule(header: str) -> str:
    return "|" + "---|" * (header.count("|") - 1)
