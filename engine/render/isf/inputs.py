"""Reads the INPUTS of a shader's header."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from engine.errors import IsfError
from engine.render.isf.isf_file import Input, InputType, IsfInput

MAX_INPUTS: Final = 128
MAX_VALUES: Final = 256  # of a long
MAX_LABEL_CHARS: Final = 100

_TYPES: Final[Mapping[str, InputType]] = {
    "event": "event",
    "bool": "bool",
    "long": "long",
    "int": "long",
    "float": "float",
    "point2d": "point2D",
    "color": "color",
    "image": "image",
    "audio": "audio",
    "audiofft": "audioFFT",
}
_COUNTS = {"point2D": 2, "color": 4}
_NAME = re.compile(r"[A-Za-z_]\w{0,63}\Z", re.ASCII)
_WHITE = (1.0, 1.0, 1.0, 1.0)


def parse_inputs(told: Any) -> tuple[IsfInput, ...]:
    """The inputs in the file's order. IsfError."""
    if told is None:
        return ()
    if not isinstance(told, list):
        raise IsfError("INPUTS is no list")
    if len(told) > MAX_INPUTS:
        raise IsfError(f"INPUTS has {len(told)} entries: at most {MAX_INPUTS}")
    return tuple(_input(number, each) for number, each in enumerate(told))


def _input(number: int, entry: Any) -> IsfInput:
    if not isinstance(entry, dict):
        raise IsfError(f"INPUTS: entry {number} is no object in braces")
    name, type_ = entry.get("NAME"), _TYPES.get(str(entry.get("TYPE", "")).lower())
    if not isinstance(name, str) or not _NAME.match(name) or name.startswith("gl_"):
        raise IsfError(f"INPUTS: NAME {str(name)[:40]!r} of entry {number} is no name that GLSL takes")
    if type_ is None:
        raise IsfError(f"input {name}: TYPE {str(entry.get('TYPE'))[:40]!r} is not one of {', '.join(_TYPES.values())}")
    label = entry.get("LABEL")
    common: dict[str, Any] = {
        "name": name,
        "type": type_,
        "label": " ".join(label.split())[:MAX_LABEL_CHARS] if isinstance(label, str) and label.strip() else name,
    }
    if type_ == "long":
        return _long(entry, common)
    if type_ in ("event", "bool"):
        default = type_ == "bool" and _number(entry.get("DEFAULT"), 0.0, name) != 0
        return IsfInput(default=default, minimum=False, maximum=True, identity=_identity(entry, type_, name), **common)
    if type_ in ("image", "audio", "audioFFT"):
        columns = int(_number(entry.get("MAX"), 0.0, name)) if type_ != "image" else 0
        return IsfInput(default=0, minimum=0, maximum=max(0, columns), **common)
    if type_ == "float":
        return _float(entry, common)
    return _vector(entry, common)


def _float(entry: Mapping[str, Any], common: dict[str, Any]) -> IsfInput:
    name = common["name"]
    low, high = _number(entry.get("MIN"), 0.0, name), _number(entry.get("MAX"), 1.0, name)
    default = _number(entry.get("DEFAULT"), (low + high) / 2, name)
    if low > high:
        low, high = high, low
    if "MIN" not in entry:
        low = min(low, default)
    if "MAX" not in entry:
        high = max(high, default)
    return IsfInput(
        default=min(max(default, low), high),
        minimum=low,
        maximum=high,
        identity=_identity(entry, "float", name),
        **common,
    )


def _vector(entry: Mapping[str, Any], common: dict[str, Any]) -> IsfInput:
    name, type_ = common["name"], common["type"]
    count = _COUNTS[type_]
    low = _numbers(entry.get("MIN"), (0.0,) * count, name)
    high = _numbers(entry.get("MAX"), (1.0,) * count, name)
    low, high = tuple(map(min, low, high)), tuple(map(max, low, high))
    middle = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    default = _numbers(entry.get("DEFAULT"), _WHITE if type_ == "color" else middle, name)
    if "MIN" not in entry:
        low = tuple(map(min, low, default))
    if "MAX" not in entry:
        high = tuple(map(max, high, default))
    default = tuple(min(max(each, a), b) for each, a, b in zip(default, low, high, strict=True))
    return IsfInput(default=default, minimum=low, maximum=high, identity=_identity(entry, type_, name), **common)


def _long(entry: Mapping[str, Any], common: dict[str, Any]) -> IsfInput:
    name = common["name"]
    told, labels = entry.get("VALUES"), entry.get("LABELS")
    if isinstance(told, list) and told:
        values = [int(_number(each, 0.0, name)) for each in told[: MAX_VALUES + 1]]
    else:
        low, high = (int(_number(entry.get(key), fallback, name)) for key, fallback in (("MIN", 0.0), ("MAX", 1.0)))
        if isinstance(labels, list) and labels and "MAX" not in entry:
            high = low + len(labels) - 1
        values = list(range(min(low, high), min(max(low, high), min(low, high) + MAX_VALUES) + 1))
    if len(values) > MAX_VALUES:
        raise IsfError(f"input {name}: more than {MAX_VALUES} values")
    values = list(dict.fromkeys(values))
    named = [str(each)[:MAX_LABEL_CHARS] for each in labels] if isinstance(labels, list) else []
    named = named[: len(values)] + [str(value) for value in values[len(named) :]]
    default = int(_number(entry.get("DEFAULT"), values[0], name))
    return IsfInput(
        default=default if default in values else values[0],
        minimum=min(values),
        maximum=max(values),
        values=tuple(values),
        labels=tuple(named),
        identity=_identity(entry, "long", name),
        **common,
    )


def _identity(entry: Mapping[str, Any], type_: str, name: str) -> Input | None:
    told = entry.get("IDENTITY")
    if told is None:
        return None
    if type_ in _COUNTS:
        return _numbers(told, (0.0,) * _COUNTS[type_], name)
    number = _number(told, 0.0, name)
    return number != 0 if type_ in ("bool", "event") else int(number) if type_ == "long" else number


def _number(told: Any, fallback: float, name: str) -> float:
    if told is None:
        return fallback
    if isinstance(told, list):
        told = told[0] if told else fallback
    if isinstance(told, str):
        words = {"true": "1", "false": "0", "yes": "1", "no": "0"}
        told = words.get(told.strip().lower(), told)
    try:
        number = float(told)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) < 1e30:  # not a number, or infinite
        raise IsfError(f"input {name}: {str(told)[:40]!r} is no number")
    return number


def _numbers(told: Any, fallback: tuple[float, ...], name: str) -> tuple[float, ...]:
    """As many as the fallback; missing ones come from it."""
    if told is None:
        return fallback
    each = told if isinstance(told, list) else [told] * len(fallback)
    numbers = tuple(_number(number, 0.0, name) for number in each[: len(fallback)])
    return numbers + fallback[len(numbers) :]
