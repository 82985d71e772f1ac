"""What a control that moves means for what it is mapped to. Pure: positions, take-over, encoders.

A control's position is 0..1 from the entry's `in_low` to its `in_high`, turned round where `invert` says so. To the
power of `curve` it is the way from `low` to `high`: in the parameter's unit, or in its logarithm on an exponential
scale, so that half way between 1 and 16 is 4.

Take-over (pickup): a fader moves nothing while it stands elsewhere than the parameter. It takes over when it passes
the position at which it would stand if it had set the value of now, or comes within a 127th of it. From then on it
holds the parameter, until somebody else sets it: then all begins anew. Where the value of now lies outside
`low`..`high`, the nearer end of the fader is that position. A fader that was sent somewhere (`/map/feedback`) and
is heard near there has a motor: it comes from where it was sent, not from where it was heard last.
"""

from dataclasses import dataclass

import osc_schema
from engine.params.mapping.controls import MAX_VALUES, Movement
from engine.params.mapping.entry import RELATIVE, SWITCHED, TRIGGERS, MapEntry, command_arguments
from osc_schema import Param, ParamType, Value
from osc_schema.scale import Scale

STEP = 1 / 127  # of the way: one step of a 7-bit control, far below a jump that an eye sees at 30 ms of smoothing
PRESSED_FROM = 0.5
MOTOR_STEP = 0.1  # of the way: further than this no hand moves a fader between two of its values
UNSET_S = 0.005  # how long what was sent may not be set yet: the movements of one bundle are judged before the first is

Arguments = tuple[float | int | bool | str, ...]


@dataclass(slots=True)
class Hold:
    """What is remembered of an entry between two movements."""

    at: float | None = None
    """Position at the last movement; None before the first."""
    sent: Value | None = None
    """What it has set, and what it found then."""
    before: Value | None = None
    sent_s: float = float("-inf")


def arguments_for(
    entry: MapEntry, movement: Movement, now: Value | None, hold: Hold, now_s: float, sent_to: float | None = None
) -> Arguments | None:
    """What the entry's target is sent; None: nothing. `now` is the parameter's value, None of a command.

    `sent_to`: what the control was sent last, in what it tells, where it was sent something since it was heard.
    """
    if sent_to is not None and entry.is_fader:
        _follow_motor(entry, movement, hold, position(entry, sent_to))
    wanted = _wanted(entry, movement, now, hold, now_s)
    if wanted is None or entry.param is None or entry.param.type not in SWITCHED:
        return wanted
    hold.sent, hold.before, hold.sent_s = wanted[0], now, now_s
    return None if wanted[0] == now else wanted


def _wanted(entry: MapEntry, movement: Movement, now: Value | None, hold: Hold, now_s: float) -> Arguments | None:
    """The target's value as `osc_schema.accept` gives it, or a command's arguments."""
    if entry.mode in RELATIVE or (movement.steps and entry.is_fader):
        return _turned(entry, movement, now)
    was, at = hold.at, position(entry, movement.value)
    hold.at = at
    is_down = at >= PRESSED_FROM
    if entry.mode == "momentary":
        return _accepted(entry, entry.high if is_down else entry.low)
    if entry.mode == "fader":
        if entry.takeover and not _is_held(now, hold, now_s) and not picks_up(was, at, position_of(entry, now)):
            return None
        return _accepted(entry, value_at(entry, at))
    is_pressed = is_down and (was is None or was < PRESSED_FROM)
    # The same value twice is two presses of a button that is never let go; a fader repeats nothing, a state does.
    is_repeated = is_down and was == at and entry.mode != "rise"
    if not (movement.is_bang or is_pressed or is_repeated):
        return None
    if entry.mode == "toggle":
        is_high = abs(_number(entry.param, now) - entry.high) < abs(_number(entry.param, now) - entry.low)
        return _accepted(entry, entry.low if is_high else entry.high)
    return _triggered(entry)


def _follow_motor(entry: MapEntry, movement: Movement, hold: Hold, sent_to: float) -> None:
    at = position(entry, movement.value)
    if abs(at - sent_to) <= (MOTOR_STEP if hold.at is None else min(MOTOR_STEP, abs(at - hold.at))):
        hold.at = sent_to


def position(entry: MapEntry, heard: float) -> float:
    """Where the control stands, 0..1."""
    at = Scale(entry.in_low, entry.in_high).position_of(heard)
    return 1.0 - at if entry.invert else at


def value_at(entry: MapEntry, at: float) -> float:
    """The target's value where the control stands at `at`, in its own unit; of a menu a number between two items."""
    return _scale(entry).value_at(at**entry.curve)


def position_of(entry: MapEntry, value: Value | None) -> float:
    """Where the control would stand for the target to have `value`: the inverse of `value_at`, 0..1."""
    return _scale(entry).position_of(_number(entry.param, value)) ** (1.0 / entry.curve)


def shown(entry: MapEntry, value: Value) -> float:
    """What the control would tell for the target to have `value`, to be sent back to it: the inverse of all above.

    A button shows its upper end where the value is its `high`; the ring of an encoder the position on the way. Only for
    an entry with `feedback`, whose target has a number or is a switch.
    """
    if entry.mode in RELATIVE:
        return position_of(entry, value) * MAX_VALUES[entry.control.kind]
    if entry.is_fader:
        at = position_of(entry, value)
    elif entry.mode in TRIGGERS:
        at = float(_accepted(entry, entry.high)[0] == value)
    else:
        number = _number(entry.param, value)
        at = float(abs(number - entry.high) < abs(number - entry.low))
    return Scale(entry.in_low, entry.in_high).value_at(1.0 - at if entry.invert else at)


def picks_up(was: float | None, at: float, target: float) -> bool:
    """Whether a fader that was at `was` (None: not known) and is at `at` takes over what stands at `target`."""
    if abs(at - target) <= STEP:
        return True
    return was is not None and min(was, at) <= target <= max(was, at)


def ticks(mode: str, heard: int, bits: int = 7) -> int:
    """How far an encoder was turned, -64..63 of 7 bits, -8192..8191 of 14; `heard` is what its controller told.

    Ableton Live calls them Relative (Bin. Offset), (2's Comp.) and (Signed Bit); its Signed Bit 2 is `sign` with
    `invert`. The V-Pots of Mackie Control are `sign`: bit 6 set is counter-clockwise.
    """
    half = 1 << (bits - 1)
    if mode == "offset":
        return heard - half
    if mode == "twos":
        return heard - 2 * half if heard >= half else heard
    return half - heard if heard >= half else heard


def _turned(entry: MapEntry, movement: Movement, now: Value | None) -> Arguments | None:
    """A tick is a 127th of the way, or as `ticks` says; of whole numbers and menus at least one."""
    if not movement.steps and not movement.bits:  # half of a value says nothing of the way
        return None
    turned = movement.steps or ticks(entry.mode, _heard(movement), movement.bits)
    param = entry.param
    assert param is not None  # `make_entry`
    span = abs(entry.high - entry.low)
    if not turned or not span:
        return None
    unit = param.step / span if param.type in (ParamType.INT, ParamType.MENU) else 0.0
    at = position_of(entry, now) + (-turned if entry.invert else turned) * max(1.0 / entry.ticks, unit)
    is_circle = param.out_of_range == "wrap" and span == param.high - param.low
    return _accepted(entry, value_at(entry, at % 1.0 if is_circle else min(1.0, max(0.0, at))))


def _heard(movement: Movement) -> int:
    """The value in the bits that its device sends."""
    return round(movement.value * ((1 << movement.bits) - 1) / MAX_VALUES[movement.control.kind])


def _triggered(entry: MapEntry) -> Arguments:
    param = entry.param
    if param is None:
        return command_arguments(entry)
    if param.type is ParamType.TRIGGER:
        return (1,)
    if param.type in (ParamType.TEXT, ParamType.FILE):
        return (entry.argument,)
    return _accepted(entry, entry.high)


def _accepted(entry: MapEntry, value: float) -> Arguments:
    assert entry.param is not None  # what has no value can only be triggered
    return (osc_schema.accept(entry.param, value).value,)  # type: ignore[return-value]  # no colours: `make_entry`


def _is_held(now: Value | None, hold: Hold, now_s: float) -> bool:
    if hold.sent is None:
        return False
    return now == hold.sent or (now == hold.before and now_s - hold.sent_s <= UNSET_S)


def _number(param: Param | None, value: Value | None) -> float:
    assert param is not None
    return float(param.menu.index(value) if param.menu else value)  # type: ignore[arg-type]


def _scale(entry: MapEntry) -> Scale:
    return Scale(entry.low, entry.high, entry.param is not None and entry.param.scale == "exponential")
