"""One entry of the map: control, target and options. Validated once, in `make_entry`."""

import contextlib
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import osc_schema
from engine.params.mapping.controls import MAX_VALUES, Control, control_of
from osc_schema import Param, ParamType, Rejected, Value
from osc_schema.mapping import KEYS, MODES

Mode = Literal["fader", "offset", "twos", "sign", "trigger", "rise", "toggle", "momentary"]

RELATIVE: Final = ("offset", "twos", "sign")
TURNED: Final = ("cc", "cc14", "nrpn")
"""Kinds of control that can be an encoder."""
NUMERIC: Final = (ParamType.FLOAT, ParamType.STOPS, ParamType.INT, ParamType.MENU)
TRIGGERS: Final = ("trigger", "rise")
SWITCHED: Final = (ParamType.BOOL, *NUMERIC)
DEFAULT_TICKS = 127.0  # the steps of a 7-bit fader
_RANGES: Final = {"curve": (0.1, 10.0), "ticks": (1.0, 16_384.0)}
NOT_TARGETS: Final = ("/get", "/sync", "/engine/notify")
"""Commands that no control may send: queries. The commands of the map itself are excluded too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEntry:
    """One entry of the map: a control, its target and options. `make_entry` makes it and fills in
    defaults."""

    control: Control
    target: str
    """A parameter's address, or a command's."""
    argument: str
    """Argument for a command, or value for a text parameter; "" for none."""
    low: float
    high: float
    """Values of the target at the control's lower and upper end, in its own unit; for a menu the
    index."""
    curve: float
    """Exponent between low and high: 1 is linear, 2 slow at first, 0.5 fast at first."""
    invert: bool
    takeover: bool
    mode: Mode
    in_low: float
    in_high: float
    """Values of the control at its two ends."""
    feedback: bool
    """Send the control the value to show, if its bridge subscribes to that."""
    ticks: float
    """Number of encoder ticks from `low` to `high`."""

    @property
    def param(self) -> Param | None:
        """The target parameter, or None for a command."""
        return osc_schema.lookup(self.target)

    @property
    def is_fader(self) -> bool:
        """True if the control has a position that sets a number."""
        param = self.param
        return self.mode == "fader" and param is not None and param.type in NUMERIC

    def values(self) -> dict[str, str | float | bool]:
        """Every key of `osc_schema.mapping.KEYS`, as plain values."""
        return {key: self.control.name if key == "control" else getattr(self, key) for key in KEYS}

    def chosen(self) -> dict[str, str | float | bool]:
        """The keys that differ from the defaults of `make_entry`, as stored in a file."""
        defaults = _default_entry(self.control, self.target, self.mode).values()
        defaults |= {"control": "", "target": "", "mode": _default_mode(self.control, self.target)}
        return {key: value for key, value in self.values().items() if value != defaults[key]}


def make_entry(values: Mapping[str, object]) -> MapEntry:
    """Make an entry from keys, of which `control` and `target` are required. Raises Rejected with
    one line."""
    for key in values:
        if key not in KEYS:
            raise Rejected(f"{key!r}: no such key (known: {', '.join(KEYS)})")
    control = control_of(_text(values, "control"))
    target = _text(values, "target")
    _check_target(target)
    mode = values.get("mode", "")
    if mode not in ("", *MODES):
        raise Rejected(f"mode {mode!r}: not one of {', '.join(MODES)}")
    entry = _default_entry(control, target, cast(Literal[Mode, ""], mode))
    known = {"control": control, "target": target, "mode": entry.mode}
    read: dict[str, Any] = {
        key: _READ[key](entry, key, value) for key, value in values.items() if key not in known
    }
    entry = dataclasses.replace(entry, **read)
    _check_combination(entry, values)
    return entry


def with_change(entry: MapEntry, key: str, value: object) -> MapEntry:
    """The entry with one key changed, and new defaults for the keys that depend on it. Raises
    Rejected."""
    keys = entry.chosen()
    if key == "target":
        keys = {"control": keys["control"]}
    elif key == "control":
        keys = {
            name: keys[name]
            for name in ("target", "argument", "low", "high", "curve", "invert", "feedback")
            if name in keys
        }
    elif key == "mode":
        lost = {"takeover", "curve", *(("in_low", "in_high") if value in RELATIVE else ("ticks",))}
        keys = {
            name: keys[name]
            for name in keys
            if name not in lost and not (name == "low" and value in TRIGGERS)
        }
    return make_entry(
        {**keys, "control": keys.get("control", ""), "target": keys.get("target", ""), key: value}
    )


def _default_entry(control: Control, target: str, mode: Literal[Mode, ""]) -> MapEntry:
    """The entry with the default of every other key."""
    param = osc_schema.lookup(target)
    mode = mode or _default_mode(control, target)
    numeric = param is not None and param.type in NUMERIC
    low, high = (
        (float(param.low), float(param.high)) if param is not None and numeric else (0.0, 1.0)
    )
    return MapEntry(
        control=control,
        target=target,
        argument="",
        low=low,
        high=high,
        curve=1.0,
        invert=False,
        # Takeover is for hands. A lighting console sends the levels that it means, and after a
        # restart only once.
        takeover=mode == "fader" and numeric and control.kind != "note" and not control.is_console,
        mode=mode,
        in_low=0.0,
        in_high=float(MAX_VALUES[control.kind]),
        # A value sent to a trigger of another program could fire it, and clear a layer in Resolume.
        feedback=_can_show(control, param) and not (control.kind == "osc" and mode in TRIGGERS),
        ticks=DEFAULT_TICKS,
    )


def _can_show(control: Control, param: Param | None) -> bool:
    """True if the parameter has a value to show and the control can show one."""
    return param is not None and param.type in SWITCHED and control.kind != "program"


def _default_mode(control: Control, target: str) -> Mode:
    param = osc_schema.lookup(target)
    if wants_release(target) and control.kind != "program":
        return "momentary"
    if param is None or param.type not in SWITCHED or control.kind == "program":
        return "trigger"
    return "toggle" if control.kind == "note" and param.type is ParamType.BOOL else "fader"


def _check_target(target: str) -> None:
    param = osc_schema.lookup(target)
    if param is not None:
        if param.type is ParamType.COLOUR:
            raise Rejected(f"target {target}: a colour has more than one value")
    elif "<" in target or osc_schema.lookup_command(target) is None:
        raise osc_schema.unknown_address(target)
    elif target in NOT_TARGETS or target.startswith("/map/"):
        raise Rejected(
            f"target {target}: is a query or a mapping command, which a control cannot send"
        )


def _check_combination(entry: MapEntry, values: Mapping[str, object]) -> None:
    """Raise Rejected for keys that contradict each other or have no effect."""
    param = entry.param
    mode = entry.mode
    kind = entry.control.kind
    numeric = param is not None and param.type in NUMERIC
    switched = param is not None and param.type in SWITCHED
    if (
        not switched
        and mode not in TRIGGERS
        and not (mode == "momentary" and wants_release(entry.target))
    ):
        raise Rejected(f"mode {mode}: {entry.target} can only be triggered")
    if mode in RELATIVE and (kind not in TURNED or not numeric):
        raise Rejected(
            f"mode {mode}: is for an encoder ({', '.join(TURNED)}) that turns a number, not "
            f"{entry.control.name}"
        )
    if kind == "program" and mode != "trigger":
        raise Rejected(f"mode {mode}: a program change can only trigger")
    if entry.takeover and (mode != "fader" or not numeric or kind == "note"):
        raise Rejected(
            f"takeover: is for a fader that moves a number, not {entry.control.name} on "
            f"{entry.target}"
        )
    for key in ("low", "high"):
        if key in values and (not switched or (key == "low" and mode in TRIGGERS)):
            raise Rejected(f"{key}: has no effect on {entry.target} in mode {mode}")
    if "curve" in values and (mode != "fader" or not numeric):
        raise Rejected(
            f"curve: is for a fader that moves a number, not {entry.control.name} on {entry.target}"
        )
    for key in ("in_low", "in_high"):
        if key in values and (mode in RELATIVE or kind == "program"):
            raise Rejected(f"{key}: has no effect on {entry.control.name} as {mode}")
    if "ticks" in values and mode not in RELATIVE:
        raise Rejected(
            f"ticks: is for an encoder ({', '.join(RELATIVE)}), not {entry.control.name} as {mode}"
        )
    if entry.feedback and not _can_show(entry.control, param):
        raise Rejected(f"feedback: {entry.target} has no value that {entry.control.name} can show")
    if entry.in_low == entry.in_high:
        raise Rejected(f"in_low and in_high: are both {entry.in_low:g}, but must differ")
    if param is not None and entry.argument and param.type not in (ParamType.TEXT, ParamType.FILE):
        raise Rejected(f"argument: {entry.target} takes no argument")
    if param is not None and param.type in (ParamType.TEXT, ParamType.FILE):
        osc_schema.accept(param, entry.argument)
    if param is None:
        command_arguments(entry)


def wants_release(target: str) -> bool:
    """True for a command that is also sent at the release: its last argument is `pressed`."""
    command = osc_schema.lookup_command(target)
    return (
        command is not None and bool(command.arguments) and command.arguments[-1].name == "pressed"
    )


def command_arguments(entry: MapEntry) -> tuple[str | int | float, ...]:
    """The arguments for the entry's command, without `pressed`. Raises Rejected if they do not fit
    the command."""
    command = osc_schema.lookup_command(entry.target)
    assert command is not None  # checked by `_check_target`
    arguments = command.arguments[:-1] if wants_release(entry.target) else command.arguments
    needed = [argument for argument in arguments if not argument.is_optional]
    if len(needed) > 1:
        raise Rejected(
            f"target {entry.target}: takes {len(needed)} arguments, a control can give one"
        )
    if not entry.argument:
        if needed:
            raise Rejected(f"argument: {entry.target} needs one ({needed[0].name})")
        return ()
    if not arguments:
        raise Rejected(f"argument: {entry.target} takes no argument")
    if arguments[0].type == "s":
        return (entry.argument,)
    number = _finite(entry, "argument", entry.argument)
    return (int(number) if arguments[0].type == "i" else number,)


def number_of(param: Param, value: Value) -> float:
    """The value of a numeric parameter or a switch as a number; for a menu the index of the
    item."""
    if param.menu:
        return float(param.menu.index(str(value)))
    return float(osc_schema.as_number(value))


# -- reading one key -------------------------------------------------------------------------------


def _text(values: Mapping[str, object], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value:
        raise Rejected(
            f"{key}: is missing" if value is None or value == "" else f"{key}: is not text"
        )
    return value


def _read_argument(entry: MapEntry, key: str, value: object) -> str:
    return value if isinstance(value, str) else f"{_finite(entry, key, value):g}"


def _read_end(entry: MapEntry, key: str, value: object) -> float:
    """Read an end of the target's range, in its own unit; names of menu items and stops are
    accepted."""
    param = entry.param
    if param is None or param.type not in SWITCHED:
        return _finite(entry, key, value)
    if isinstance(value, str):
        with contextlib.suppress(ValueError):  # a typed number; anything else may be a name
            value = float(value)
    accepted = osc_schema.accept(param, value)
    if accepted.note:
        raise Rejected(f"{key}: {accepted.note}")
    return number_of(param, accepted.value)


def _read_within(entry: MapEntry, key: str, value: object) -> float:
    number = _finite(entry, key, value)
    low, high = _RANGES[key]
    if not low <= number <= high:
        raise Rejected(f"{key}: {number:g} is outside {low:g}..{high:g}")
    return number


def _read_switch(entry: MapEntry, key: str, value: object) -> bool:
    text = value.strip().lower() if isinstance(value, str) else value
    if text in (True, 1, "1", "on", "true"):
        return True
    if text in (False, 0, "0", "off", "false"):
        return False
    raise Rejected(f"{key}: must be on or off")


def _finite(entry: MapEntry, key: str, value: object) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise Rejected(f"{key}: is not a number")
    return number


_READ: Final = {
    "argument": _read_argument,
    "low": _read_end,
    "high": _read_end,
    "curve": _read_within,
    "invert": _read_switch,
    "takeover": _read_switch,
    "in_low": _finite,
    "in_high": _finite,
    "feedback": _read_switch,
    "ticks": _read_within,
}
