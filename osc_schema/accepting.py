"""Validation: turns a value from OSC, a preset, the page or the command line into a canonical one,
or rejects it.

| type | accepted | out of range |
|---|---|---|
| float | float, int, bool | clipped or wrapped as declared |
| stops | the same, and a stop's name | clipped |
| int | int, bool, a float (rounded to the nearest step, with a note) | clipped |
| bool | bool, a number (on from 0.5 up), "on" "off" "true" "false" | - |
| menu | an item's name, an index as int or float (rounded, with a note) | rejected |
| trigger | a number or bool (0: the button was released, nothing happens), nil, "bang" | - |
| text, file | text on one line, an int or float (as it would be typed: 1984, -0.08) | rejected |
| colour | 3 or 4 floats 0..1, "#rrggbb", "#rrggbbaa", an OSC `r` as int 0xRRGGBBAA | clipped |

Where a number is accepted, so is a text that spells it: programs such as Companion send "0.5". A
list with one element counts as that element. NaN and infinity are always rejected; nil is accepted
by triggers only. A value that differs from a limit only by 32-bit float rounding counts as that
limit.

Hot path: called once per OSC message.
"""

import math
import re
from collections.abc import Callable, Sequence

from osc_schema.scale import nearest_step, scale_of
from osc_schema.table import lookup, lookup_command, lookup_message, nearest
from osc_schema.types import Accepted, Param, ParamType, Rejected, Value

# relative spacing of 32-bit floats: 0.98 arrives from OSC as 0.98000001907
FLOAT32_EPSILON = 2.0**-23
MAX_INT = 2**64 - 1  # the largest int of any OSC type; float() raises beyond 2**1024
ON_FROM = 0.5  # the middle of a fader that a patch has connected to a switch
MAX_PRINTED_CHARACTERS = 40

# Control characters, line ends, lone surrogates (which cannot be written to a file).
_NOT_ON_ONE_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LISTS = (list, tuple)
_SWITCH_WORDS = {"on": True, "true": True, "off": False, "false": False}
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})(e[+-]?[0-9]{1,3})?", re.I)

SUBSCRIBING = frozenset({"subscribe", "register", "notify", "xremote", "addclient", "add_client"})
"""Last words of the addresses by which clients subscribe to other engines: /subscribe, /sys/notify
of monome."""


def as_typed(number: float) -> str:
    """The number as a person would type it, with the 7 digits that a 32-bit float has."""
    return str(number) if isinstance(number, int) else f"{number:.7g}"


def accept(address_or_param: str | Param, value: object) -> Accepted:
    """The canonical value, with a note if it was changed. Raises nothing but Rejected, for any
    input."""
    if isinstance(address_or_param, str):
        param = lookup(address_or_param)
        if param is None:
            raise unknown_address(address_or_param)
    else:
        param = address_or_param
    if isinstance(value, _LISTS) and len(value) == 1:
        value = value[0]
    return _ACCEPT[param.type](param, value)


def spelled_number(value: object) -> object:
    """The number that a text spells, as an int or a float; any other value as it is. Many programs
    send text only."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else value


def unknown_address(address: str) -> Rejected:
    """The error for an address that is not a parameter; suggests similar addresses, or says what
    else it is."""
    if lookup_command(address) is not None:
        next_step = f"send it to the running engine: multiverse osc send {_short(address)} --wait"
        return Rejected(f"{_short(address)}: is a command, not a parameter; {next_step}")
    if lookup_message(address) is not None:
        return Rejected(
            f"{_short(address)}: is sent to subscribers (/engine/notify 1); it cannot be set"
        )
    if address.rpartition("/")[2].lower() in SUBSCRIBING:
        return Rejected(
            f"{_short(address)}: other engines subscribe so; here send /engine/notify 1, or 1 and "
            "a port"
        )
    guesses = nearest(address)
    hint = f" (nearest: {', '.join(guesses)})" if guesses else ""
    return Rejected(f"{_short(address)}: no such parameter{hint}")


def _accept_float(param: Param, value: object) -> Accepted:
    number = value if type(value) is float else _finite(param, value)
    if param.low <= number <= param.high:
        return Accepted(number)
    return _limit(param, _finite(param, number))


def _accept_stops(param: Param, value: object) -> Accepted:
    if isinstance(value, str) and value.strip().lower() in param.stops:
        return Accepted(float(param.stops.index(value.strip().lower())))
    number = spelled_number(value)
    if isinstance(number, str):
        raise _not_one_of(param, value, param.stops)
    return _accept_float(param, number)


def _accept_int(param: Param, value: object) -> Accepted:
    number = _finite(param, value)
    # No division for a whole number: above 2**53 it would change the value.
    nearest_whole = (
        number if type(number) is int and param.step == 1 else nearest_step(number, param.step)
    )
    if not param.low <= nearest_whole <= param.high:
        return _limit(param, number)
    is_whole = nearest_whole == number
    return Accepted(
        nearest_whole, "" if is_whole else f"{_show(number)} rounded to {nearest_whole}"
    )


def _accept_bool(param: Param, value: object) -> Accepted:
    if type(value) is bool:
        return Accepted(value)
    number = spelled_number(value)
    if isinstance(number, str):
        text = number.strip().lower()
        if text not in _SWITCH_WORDS:
            raise _wrong(param, value, "not on or off")
        return Accepted(_SWITCH_WORDS[text])
    number = _finite(param, number)
    is_on = number >= ON_FROM
    return Accepted(
        is_on, "" if number == is_on else f"{_show(number)} taken as {'on' if is_on else 'off'}"
    )


def _accept_menu(param: Param, value: object) -> Accepted:
    if isinstance(value, str):
        if value in param.menu:
            return Accepted(value)
        name = value.strip().lower()
        name = dict(param.former_items).get(name, name)
        if name in param.menu:
            return Accepted(name)
    number = spelled_number(value)
    if isinstance(number, str):
        raise _not_one_of(param, value, param.menu)
    number = _finite(param, number)
    index = nearest_step(number)
    if not 0 <= index < len(param.menu):
        raise _not_one_of(param, number, param.menu)
    item = param.menu[index]
    return Accepted(item, "" if index == number else f"{_show(number)} taken as {index}, {item}")


def _accept_trigger(param: Param, value: object) -> Accepted:
    if value is None:
        return Accepted(True)
    if value == "bang":
        return Accepted(True)
    number = spelled_number(value)
    if isinstance(number, str):
        raise _wrong(param, value, "not a trigger value; send 1")
    return Accepted(_finite(param, number) != 0)


def _accept_text(param: Param, value: object) -> Accepted:
    if isinstance(value, int | float) and not isinstance(value, bool):
        _finite(param, value)  # bounds an int, too
        value = as_typed(value)
    if not isinstance(value, str):
        raise _wrong(param, value, "not text")
    if not param.low <= len(value) <= param.high:
        raise _wrong(param, value, f"{len(value)} characters long; {_range(param)} are allowed")
    if _NOT_ON_ONE_LINE.search(value):
        raise _wrong(param, value, "not plain text on one line")
    return Accepted(value)


def _accept_colour(param: Param, value: object) -> Accepted:
    parts = _parts_of_colour(param, value)
    red, green, blue, alpha = (min(1.0, max(0.0, part)) for part in parts)
    colour = (red, green, blue, alpha)
    return Accepted(colour, "" if colour == parts else "a part is outside 0..1 (clipped)")


_ACCEPT: dict[ParamType, Callable[[Param, object], Accepted]] = {
    ParamType.FLOAT: _accept_float,
    ParamType.STOPS: _accept_stops,
    ParamType.INT: _accept_int,
    ParamType.BOOL: _accept_bool,
    ParamType.MENU: _accept_menu,
    ParamType.TRIGGER: _accept_trigger,
    ParamType.TEXT: _accept_text,
    ParamType.FILE: _accept_text,
    ParamType.COLOUR: _accept_colour,
}


def _limit(param: Param, number: float) -> Accepted:
    """Clip, wrap or reject `number`, finite and outside the range, as the parameter declares."""
    low, high = param.low, param.high
    limit = low if number < low else high
    if abs(number - limit) <= FLOAT32_EPSILON * abs(limit):
        return Accepted(_like(param, limit))
    if param.out_of_range == "wrap":
        return Accepted(_like(param, scale_of(param).wrapped(number)))
    if param.out_of_range == "clip":
        return Accepted(
            _like(param, limit),
            f"{_show(number)} is outside {_range(param)} (clipped to {_show(limit)})",
        )
    raise _wrong(param, number, f"outside {_range(param)}")


def _like(param: Param, number: float) -> Value:
    return int(number) if param.type is ParamType.INT else float(number)


def _finite(param: Param, value: object) -> float:
    """`value` as a finite number; ints stay ints, so that large ones are compared exactly."""
    value = spelled_number(value)
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise _wrong(param, value, "too large for any parameter")
        return int(value) if param.type is ParamType.INT else float(value)
    if not isinstance(value, float):
        raise _wrong(param, value, "not a number")
    if not math.isfinite(value):
        raise _wrong(param, value, "not a finite number")
    return float(value)


def _parts_of_colour(param: Param, value: object) -> tuple[float, ...]:
    if isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?", value):
        return tuple(byte / 255 for byte in bytes.fromhex(value[1:].ljust(8, "f")))
    if type(value) is int and 0 <= value < 1 << 32:
        return tuple(byte / 255 for byte in value.to_bytes(4, "big"))
    if isinstance(value, _LISTS) and len(value) in (3, 4):
        return (*(float(_finite(param, part)) for part in value), 1.0)[:4]
    raise _wrong(param, value, "not a colour: 3 or 4 numbers 0..1, or #rrggbb")


def _not_one_of(param: Param, value: object, names: Sequence[str]) -> Rejected:
    return _wrong(param, value, f"not one of {', '.join(names)} (0..{len(names) - 1})")


def _range(param: Param) -> str:
    return f"{_show(param.low)}..{_show(param.high)}"


def _wrong(param: Param, value: object, what: str) -> Rejected:
    return Rejected(f"{param.address}: {_show(value)} is {what}")


def _show(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, int) and abs(value) > MAX_INT:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, int | float):
        return f"{value:.7g}"
    if isinstance(value, str):
        return f'"{_short(value)}"'
    if isinstance(value, _LISTS):
        return f"a list of {len(value)}"
    # not its repr, which may be huge or endlessly nested
    return f"a value of type {type(value).__name__}"


def _short(text: str) -> str:
    """`text` shortened, on one line that any terminal can print."""
    line = _NOT_ON_ONE_LINE.sub("?", text[: MAX_PRINTED_CHARACTERS + 1])
    return line if len(line) <= MAX_PRINTED_CHARACTERS else f"{line[:MAX_PRINTED_CHARACTERS]}..."
