"""Reads the arguments of commands, as the schema declares them (`osc_schema.declare.arguments`).

    /cue/set 5 "Night" "2bars"  ─►  5, "Night", FadeTime(2, "bars"), AT_ONCE, False, None, None

One text for each kind of mistake names the argument, what it takes and what came. What depends on
the state of the engine, such as a preset that is missing, is checked by the handler.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.control.launch_queue import quantum_of
from engine.params.checks import short_repr
from engine.params.fade_time import MAX_S, FadeTime
from osc_schema import Argument, Command, Rejected
from osc_schema.accepting import as_typed, spelled_number

Args = tuple[object, ...]
_MISSING: Final = object()
_TYPES: Final = {
    "text": "a text",
    "whole": "a whole number",
    "number": "a number",
    "switch": "1 or 0",
    "press": "1 or 0",
    "time": f"a time of 0..{MAX_S:g} s, or one in beats or bars, such as 4b or 2bars",
    "any": "a number or a text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandArguments:
    """The arguments of one message to a command, checked and complete."""

    values: tuple[Any, ...]
    """Those of the handler, in the order of the declaration; None for one that was left out and has
    no default. The types are those of `_READ`."""
    quantise: str | None
    """The beat that the message names; None: `/launch/quantise` decides."""
    is_release: bool
    """True for a button that is released, which does nothing."""


def read_arguments(command: Command, args: Args) -> CommandArguments:
    """The arguments of a message to a command. Raises Rejected: which argument, what it takes, what
    came."""
    declared = command.arguments
    sent = _completed(declared, args)
    values: list[object] = []
    quantise = None
    is_release = False
    for argument, arrived in zip(declared, sent, strict=True):
        value = _value(argument, arrived, declared[-1])
        if argument.kind == "beat":
            quantise = value
        elif argument.kind == "press":
            is_release = value is False
        else:
            values.append(value)
    return CommandArguments(
        values=tuple(values),
        quantise=quantise,
        is_release=is_release,
    )


def _completed(declared: Sequence[Argument], args: Args) -> Args:
    """One value for each declared argument, `_MISSING` where none was sent. If the last one has
    choices, it may be sent without the optional ones before it: `/cue/go bar`."""
    fewest = sum(not each.is_optional for each in declared)
    if not fewest <= len(args) <= len(declared):
        raise Rejected(f"takes {_listed(declared)}, not {_count(len(args))}")
    missing = (_MISSING,) * (len(declared) - len(args))
    if not missing or len(args) == fewest:
        return args + missing
    if _is_choice(declared[-1], args[-1]):
        return args[:-1] + missing + args[-1:]
    return args + missing


def _value(argument: Argument, arrived: object, last: Argument) -> Any:
    """The value of one argument; `last`: of the same command."""
    if arrived is _MISSING:
        arrived = argument.default
        if arrived is None:
            return None
    value = _READ[argument.kind](argument, arrived)
    if value is not None:
        return value
    allowed = _allowed(argument)
    if argument.is_optional and last.choices and last is not argument:
        allowed += f" ({last.name}: {_allowed(last)})"
    raise Rejected(f"{argument.name}: takes {allowed}, not {short_repr(arrived)}")


def _is_choice(argument: Argument, value: object) -> bool:
    if not argument.choices:
        return False
    read = _READ[argument.kind]
    return read(argument, value) is not None


# -- reading one value: None if it is of another kind, or outside the range ------------------------


def _text(argument: Argument, value: object) -> str | None:
    """A text as it is, a number as it would be typed: a shell and most patches send the name 2 as
    an int."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        value = as_typed(value)
    if not isinstance(value, str):
        return None
    if argument.choices:
        return value if value in argument.choices else None
    length = len(value.strip())
    return value if _is_within(argument, length) else None


def _number(argument: Argument, value: object) -> float | None:
    number = spelled_number(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    if not math.isfinite(number):
        return None
    if not _is_within(argument, number):
        return None
    return float(number)


def _whole(argument: Argument, value: object) -> int | None:
    number = _number(argument, value)
    if number is None or not number.is_integer():
        return None
    return int(number)


def _switch(argument: Argument, value: object) -> bool | None:
    number = spelled_number(value)
    if number not in (0, 1):
        return None
    return bool(number)


def _time(argument: Argument, value: object) -> FadeTime | None:
    try:
        return FadeTime.of(value)
    except ValueError:
        return None


def _beat(argument: Argument, value: object) -> str | None:
    return quantum_of(value)


def _any(argument: Argument, value: object) -> str | int | float | None:
    if isinstance(value, str | int | float):
        return value
    return None


_READ: Final[dict[str, Callable[[Argument, object], object]]] = {
    "text": _text,
    "whole": _whole,
    "number": _number,
    "switch": _switch,
    "press": _switch,
    "time": _time,
    "beat": _beat,
    "any": _any,
}


def _is_within(argument: Argument, number: float) -> bool:
    if argument.low is not None and number < argument.low:
        return False
    return argument.high is None or number <= argument.high


# -- what is allowed, in words ---------------------------------------------------------------------


def _listed(declared: Sequence[Argument]) -> str:
    """The arguments as an error names them: `number:i, fade:f (optional)`."""
    named = []
    for each in declared:
        optional = " (optional)" if each.is_optional else ""
        named.append(f"{each.name}:{each.type}{optional}")
    return ", ".join(named) or "no arguments"


def _count(number: int) -> str:
    return "1 argument" if number == 1 else f"{number} arguments"


def _allowed(argument: Argument) -> str:
    if argument.choices:
        return f"one of {', '.join(argument.choices)}"
    limits = _range(argument)
    if argument.kind == "text" and limits:
        return f"a text of{limits} characters"
    return _TYPES[argument.kind] + limits


def _range(argument: Argument) -> str:
    if argument.low is None:
        return ""
    if argument.high is None:
        return f" from {argument.low:g}"
    return f" {argument.low:g}..{argument.high:g}"
