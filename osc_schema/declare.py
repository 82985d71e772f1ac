"""Functions that declare one parameter, command or message per call, with the defaults of its kind
of control.

Floats glide for 30 ms, which hides the steps of a 7-bit fader and is too short to feel. Menus,
switches and whole numbers change at once.
"""

import re
from typing import Any, Final, Literal

from osc_schema.types import (
    Argument,
    ArgumentKind,
    Command,
    OutOfRange,
    Param,
    ParamType,
    PublishedMessage,
)

SMOOTHING_MS = (
    30.0  # two frames at 60 fps: hides the 127 steps of a MIDI fader, too short to feel as lag
)
TEXT_CHARACTERS = 1024
NAME_CHARACTERS = 64
BUTTON = "button:press?"
"""The argument of commands without any: what a button of a control surface adds."""

_ARGUMENT_TYPES: Final[dict[str, tuple[Literal["s", "i", "f"], ArgumentKind]]] = {
    "s": ("s", "text"),
    "i": ("i", "whole"),
    "f": ("f", "number"),
    "switch": ("i", "switch"),
    "press": ("i", "press"),
    "time": ("f", "time"),
    "beat": ("s", "beat"),
    "i|s": ("i", "any"),
    "s|f": ("s", "any"),
}
"""OSC type tag and kind by the type that a specification names."""
_ARGUMENT: Final = re.compile(
    r"(?P<name>\w+):(?P<type>[a-z|]+)"
    r"(\[(?P<low>[0-9.]*?)\.\.(?P<high>[0-9]*)\]|\[(?P<choices>\w+(\|\w+)*)\])?"
    r"(?P<optional>\?|=(?P<default>.*))?"
)


def number(
    address: str,
    default: float,
    low: float,
    high: float,
    description: str,
    unit: str = "",
    *,
    smoothing_ms: float = SMOOTHING_MS,
    out_of_range: OutOfRange = "clip",
    **more: Any,
) -> Param:
    """Declare a float that glides and is clipped to its range."""
    return Param(
        address=address,
        type=ParamType.FLOAT,
        default=float(default),
        low=float(low),
        high=float(high),
        unit=unit,
        description=description,
        smoothing_ms=smoothing_ms,
        out_of_range=out_of_range,
        **more,
    )


def circle(
    address: str,
    default: float,
    low: float,
    high: float,
    description: str,
    unit: str = "",
    **more: Any,
) -> Param:
    """Declare a float that wraps, such as an angle; it glides the short way round."""
    return number(address, default, low, high, description, unit, out_of_range="wrap", **more)


def whole(
    address: str, default: int, low: int, high: int, description: str, unit: str = "", **more: Any
) -> Param:
    """Declare an int that is clipped to its range."""
    return Param(
        address=address,
        type=ParamType.INT,
        default=default,
        low=low,
        high=high,
        unit=unit,
        description=description,
        out_of_range="clip",
        **more,
    )


def switch(address: str, default: bool, description: str, **more: Any) -> Param:
    """Declare a switch, on or off."""
    return Param(
        address=address,
        type=ParamType.BOOL,
        default=default,
        low=0,
        high=1,
        description=description,
        **more,
    )


def menu(address: str, items: str, description: str, default: str = "", **more: Any) -> Param:
    """Declare a choice of one of the names in `items`; the first is the default unless `default`
    names another."""
    names = tuple(items.split())
    return Param(
        address=address,
        type=ParamType.MENU,
        default=default or names[0],
        low=0,
        high=len(names) - 1,
        menu=names,
        description=description,
        **more,
    )


def stops(address: str, names: str, description: str, default: float = 0.0, **more: Any) -> Param:
    """Declare a float through named stops 0, 1, 2, ...; the first is the default unless `default`
    is given."""
    items = tuple(names.split())
    return Param(
        address=address,
        type=ParamType.STOPS,
        default=default,
        low=0.0,
        high=float(len(items) - 1),
        stops=items,
        description=description,
        smoothing_ms=SMOOTHING_MS,
        out_of_range="clip",
        **more,
    )


def trigger(address: str, description: str, **more: Any) -> Param:
    """Declare an event, which has no value to store or to resume."""
    return Param(
        address=address,
        type=ParamType.TRIGGER,
        default=False,
        low=0,
        high=1,
        description=description,
        stored=False,
        is_look=False,
        resumed=False,
        **more,
    )


def text(
    address: str, default: str, description: str, *, fewest: int = 0, most: int, **more: Any
) -> Param:
    return Param(
        address=address,
        type=ParamType.TEXT,
        default=default,
        low=fewest,
        high=most,
        unit="characters",
        description=description,
        **more,
    )


def file(address: str, description: str, **more: Any) -> Param:
    """Declare a path on the engine's machine; empty: none."""
    return Param(
        address=address,
        type=ParamType.FILE,
        default="",
        low=0,
        high=TEXT_CHARACTERS,
        unit="characters",
        description=description,
        **more,
    )


def model_list(child: str) -> Command:
    """Declare the command that lists what `/CHILD/model` takes."""
    return listing(
        f"/{child}",
        f"Lists the models that `/{child}/model` takes: those in the configured model folders, "
        'and "", the configured '
        "one.",
        "model",
    )


def listing(at: str, description: str, each: str) -> Command:
    """Declare the command AT/list, which is answered with one message per `each`."""
    return Command(
        address=f"{at}/list",
        description=description,
        replies=(
            f"{at}/entry <word> <title> <on>, one message per {each}",
            f"/done {at}/list",
            f"/fail {at}/list <reason>",
        ),
    )


def of_child(child: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Keyword arguments for parameters of a live model's process: those stored in presets; settings
    of this machine, saved for --resume only; those that the command line sets at every start. Panic
    resets none."""
    preset: dict[str, Any] = {"is_look": False, "child": child}
    run = {"stored": False, **preset}
    return preset, run, {"resumed": False, **run}


def pace(child: str, name: str) -> tuple[Param, ...]:
    """Declare the parameters of a child's GPU use beside the picture, which engine/live/kit/pace.py
    reads."""
    preset, run, _ = of_child(child)
    fraction = f"Fraction of time in which {name} may compute while duty_auto is off."
    pieces = (
        f"Maximum length of one piece of GPU work; after each, {name} checks if the picture "
        "needs the GPU."
    )
    return (
        number(f"/{child}/duty", 1, 0.05, 1, fraction, smoothing_ms=0, **preset),
        switch(
            f"/{child}/duty_auto",
            True,
            "Adapts the time fraction to the picture: less after late frames, then slowly more. "
            f"Off: /{child}/duty.",
            **run,
        ),
        number(f"/{child}/slice_ms", 4, 1, 50, pieces, "ms", smoothing_ms=0, **run),
        switch(f"/{child}/gate", True, f"Pauses {name} while the picture is being drawn.", **run),
    )


def message(address: str, spec: str, description: str, last: int = 0) -> PublishedMessage:
    """Declare a message to subscribers; `spec` as in `arguments`, `last` for `<n>` in the
    address."""
    return PublishedMessage(
        address=address, arguments=arguments(spec), description=description, last=last
    )


def arguments(spec: str) -> tuple[Argument, ...]:
    """The arguments of a specification such as `"name:s pad:i[1..16]? form:s[osc|midi]=osc"`.

    Each has a name and a type: `s`, a text; `i`, a whole number; `f`, a number; `switch`, 1 or 0;
    `press`, the same of a button that acts when it is pressed; `time`, of a fade; `beat`, the last
    argument of a command that waits for it; `i|s` or `s|f`, a number or a text. The range or the
    choices come in brackets; of a text the range is its length. `?`: it may be left out; `=`: then
    it has this value."""
    return tuple(map(_argument, spec.split()))


def _argument(spec: str) -> Argument:
    parts = _ARGUMENT.fullmatch(spec)
    if parts is None or parts["type"] not in _ARGUMENT_TYPES:
        raise ValueError(f"{spec}: is not NAME:TYPE[RANGE or CHOICES]? or ...=DEFAULT")
    tag, kind = _ARGUMENT_TYPES[parts["type"]]
    return Argument(
        name=parts["name"],
        type=tag,
        kind=kind,
        is_optional=parts["optional"] is not None,
        low=float(parts["low"]) if parts["low"] else None,
        high=float(parts["high"]) if parts["high"] else None,
        choices=tuple(parts["choices"].split("|")) if parts["choices"] else (),
        default=parts["default"],
    )
