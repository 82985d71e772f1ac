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
    complete = _completed(declared, args)
    values = [_value(declared, at, value) for at, value in enumerate(complete)]
    read = list(zip(declared, values, strict=True))
    return CommandArguments(
        values=tuple(value for each, value in read if each.kind not in ("press", "beat")),
        quantise=next((value for each, value in read if each.kind == "beat"), None),
        is_release=any(each.kind == "press" and value is False for each, value in read),
    )


def _completed(declared: Sequence[Argument], args: Args) -> list[object]:
    """One value for each declared argument, `_MISSING` where none was sent. If the last one has
    choices, it may be sent without the optional ones before it: `/cue/go bar`."""
    fewest = sum(not each.is_optional for each in declared)
    if not fewest <= len(args) <= len(declared):
        raise Rejected(f"takes {_listed(declared)}, not {_count(len(args))}")
    missing = [_MISSING] * (len(declared) - len(args))
    names_last = missing and len(args) > fewest and _is_choice(declared[-1], args[-1])
    return [*args[:-1], *missing, args[-1]] if names_last else [*args, *missing]


def _value(declared: Sequence[Argument], at: int, value: object) -> Any:
    argument = declared[at]
    if value is _MISSING:
        value = argument.default
        if value is None:
            return None
    read = _READ[argument.kind](argument, value)
    if read is None:
        last = declared[-1]
        may_be_last = argument.is_optional and last is not argument and last.choices
        other = f" ({last.name}: {_allowed(last)})" if may_be_last else ""
        taken = f"takes {_allowed(argument)}{other}"
        raise Rejected(f"{argument.name}: {taken}, not {short_repr(value)}")
    return read


def _is_choice(argument: Argument, value: object) -> bool:
    return bool(argument.choices) and _READ[argument.kind](argument, value) is not None


# -- reading one value: None if it is of another kind, or outside the range ------------------------


def _text(argument: Argument, value: object) -> str | None:
    """A text as it is, a number as it would be typed: a shell and most patches send the name 2 as
    an int."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = value if isinstance(value, str) else as_typed(value)
    if argument.choices:
        return text if text in argument.choices else None
    return text if _is_within(argument, len(text.strip())) else None


def _number(argument: Argument, value: object) -> float | None:
    number = spelled_number(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    is_usable = math.isfinite(number) and _is_within(argument, number)
    return float(number) if is_usable else None


def _whole(argument: Argument, value: object) -> int | None:
    number = _number(argument, value)
    return int(number) if number is not None and number.is_integer() else None


def _switch(argument: Argument, value: object) -> bool | None:
    number = spelled_number(value)
    return bool(number) if number in (0, 1) else None


def _time(argument: Argument, value: object) -> FadeTime | None:
    try:
        return FadeTime.of(value)
    except ValueError:
        return None


def _beat(argument: Argument, value: object) -> str | None:
    return quantum_of(value)


def _any(argument: Argument, value: object) -> str | int | float | None:
    return value if isinstance(value, str | int | float) else None


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
    low = -math.inf if argument.low is None else argument.low
    high = math.inf if argument.high is None else argument.high
    return low <= number <= high


# -- what is allowed, in words ---------------------------------------------------------------------


def _listed(declared: Sequence[Argument]) -> str:
    named = (
        f"{each.name}:{each.type}{' (optional)' if each.is_optional else ''}" for each in declared
    )
    return ", ".join(named) or "no arguments"


def _count(number: int) -> str:
    return f"{number} argument{'' if number == 1 else 's'}"


def _allowed(argument: Argument) -> str:
    if argument.choices:
        return f"one of {', '.join(argument.choices)}"
    limits = _range(argument)
    match argument.kind:
        case "text":
            return f"a text of{limits} characters" if limits else "a text"
        case "whole":
            return f"a whole number{limits}"
        case "number":
            return f"a number{limits}"
        case "time":
            return f"a time of 0..{MAX_S:g} s, or one in beats or bars, such as 4b or 2bars"
        case "any":
            return "a number or a text"
        case _:
            return "1 or 0"


def _range(argument: Argument) -> str:
    if argument.low is None:
        return ""
    if argument.high is None:
        return f" from {argument.low:g}"
    return f" {argument.low:g}..{argument.high:g}"
