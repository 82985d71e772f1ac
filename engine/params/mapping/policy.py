"""The value that a movement of a control sets: positions, takeover, encoders. Pure.

A control's position is 0..1 from the entry's `in_low` to its `in_high`, reversed by `invert`.
Raised to the power of `curve` it is the position between `low` and `high` on the parameter's scale.

Takeover (pickup): a fader sets nothing until it passes the position of the current value (or the
nearer end of `low`..`high`), or comes within 1/127 of it. From then on it controls the parameter,
until something else sets it. A fader that was sent a value (`/map/feedback`) and reports a position
near it has a motor: its movement starts there.
"""

import math
from dataclasses import dataclass

import osc_schema
from engine.params.mapping.controls import MAX_VALUES, Movement
from engine.params.mapping.entry import (
    RELATIVE,
    SWITCHED,
    TRIGGERS,
    MapEntry,
    command_arguments,
    number_of,
)
from osc_schema import ParamType, Value
from osc_schema.scale import Scale, scale_of

STEP = 1 / 127  # one step of a 7-bit control; with 30 ms of smoothing such a jump is invisible
PRESSED_FROM = 0.5
MOTOR_STEP = 0.1  # position: a hand does not move a fader further than this between two values
# delay until a sent value is set: all movements of a bundle are handled before the first value is
# set
UNSET_S = 0.005

Arguments = tuple[float | int | bool | str, ...]


@dataclass(slots=True)
class Pickup:
    """The state of an entry between two movements."""

    at: float | None = None
    """Position at the last movement; None before the first one."""
    sent: Value | None = None
    """The value it set last; `before`: the value of the parameter before that."""
    before: Value | None = None
    sent_s: float = float("-inf")
    is_waiting: bool = False
    """True if the last movement was that of a fader that has not taken over yet."""


def arguments_for(
    entry: MapEntry,
    movement: Movement,
    now: Value | None,
    pickup: Pickup,
    now_s: float,
    sent_to: float | None = None,
) -> Arguments | None:
    """The arguments to send to the entry's target, or None for nothing. `now`: the parameter's
    value, None for a command. `sent_to`: the value last sent to the control, in its own unit, if
    that was after its last movement."""
    if sent_to is not None and entry.is_fader:
        _follow_motor(entry, movement, pickup, position(entry, sent_to))
    pickup.is_waiting = False
    before = now
    if pickup.sent is not None and now == pickup.before and now_s - pickup.sent_s <= UNSET_S:
        now = pickup.sent  # not set yet: ten ticks of an encoder in a bundle are ten
    arguments = _respond(entry, movement, now, pickup)
    if arguments is None or entry.param is None or entry.param.type not in SWITCHED:
        return arguments
    pickup.sent = arguments[0]
    pickup.before = before
    pickup.sent_s = now_s
    return None if arguments[0] == now else arguments


def _respond(
    entry: MapEntry, movement: Movement, now: Value | None, pickup: Pickup
) -> Arguments | None:
    """The target's new value as `osc_schema.accept` returns it, or a command's arguments."""
    if entry.mode in RELATIVE or (movement.steps and entry.is_fader):
        return _turn(entry, movement, now)
    was = pickup.at
    at = position(entry, movement.value)
    pickup.at = at
    is_down = at >= PRESSED_FROM
    if entry.param is None and entry.mode == "momentary":
        if movement.is_bang:
            return command_arguments(entry)
        was_down = was is not None and was >= PRESSED_FROM
        # A key sends each press once, and its release may be missing: it was pulled out while
        # pressed.
        is_repeated = is_down == was_down and entry.control.kind != "note"
        return None if is_repeated else (*command_arguments(entry), int(is_down))
    if entry.mode == "momentary":
        return _accept(entry, entry.high if is_down else entry.low)
    if entry.mode == "fader":
        if (
            entry.takeover
            and not _has_taken_over(now, pickup)
            and not picks_up(was, at, position_of(entry, now))
        ):
            pickup.is_waiting = True
            return None
        return _accept(entry, value_at(entry, at))
    is_pressed = is_down and (was is None or was < PRESSED_FROM)
    # A repeated value is a second press of a button that sends no release. Faders never repeat a
    # value, states do.
    is_repeated = is_down and was == at and entry.mode != "rise"
    if not (movement.is_bang or is_pressed or is_repeated):
        return None
    if entry.mode == "toggle":
        return _accept(entry, entry.low if _is_nearer_high(entry, now) else entry.high)
    return _trigger(entry)


def _follow_motor(entry: MapEntry, movement: Movement, pickup: Pickup, sent_to: float) -> None:
    at = position(entry, movement.value)
    if abs(at - sent_to) <= (
        MOTOR_STEP if pickup.at is None else min(MOTOR_STEP, abs(at - pickup.at))
    ):
        pickup.at = sent_to


def position(entry: MapEntry, value: float) -> float:
    """The position 0..1 of the control for a value it sent."""
    at = Scale(entry.in_low, entry.in_high).position_of(value)
    return 1.0 - at if entry.invert else at


def value_at(entry: MapEntry, at: float) -> float:
    """The target's value for a control at position `at`, in its own unit; for a menu a number
    between two items."""
    return _scale(entry).value_at(math.pow(at, entry.curve))


def range_position(entry: MapEntry, at: float) -> float:
    """The position on the whole range of its parameter, 0..1, of a control at position `at`."""
    assert entry.param is not None
    return scale_of(entry.param).position_of(value_at(entry, at))


def position_of(entry: MapEntry, value: Value | None) -> float:
    """The inverse of `value_at`: the position 0..1 at which the control would set `value`."""
    return math.pow(_scale(entry).position_of(_number(entry, value)), 1.0 / entry.curve)


def control_value(entry: MapEntry, value: Value) -> float:
    """The value to send back to a control so that it shows `value`: the inverse of all of the
    above. A button shows its upper end if the value is its `high`; the ring of an encoder shows the
    position. For entries with `feedback` only, whose target is a number or a switch."""
    if entry.mode in RELATIVE:
        return position_of(entry, value) * MAX_VALUES[entry.control.kind]
    if entry.is_fader:
        at = position_of(entry, value)
    elif entry.mode in TRIGGERS:
        at = float(_accept(entry, entry.high)[0] == value)
    else:
        at = float(_is_nearer_high(entry, value))
    return Scale(entry.in_low, entry.in_high).value_at(1.0 - at if entry.invert else at)


def picks_up(was: float | None, at: float, target: float) -> bool:
    """True if a fader that moved from `was` (None: unknown) to `at` picks up a parameter at
    position `target`."""
    if abs(at - target) <= STEP:
        return True
    return was is not None and min(was, at) <= target <= max(was, at)


def ticks(mode: str, value: int, bits: int = 7) -> int:
    """Number of ticks an encoder was turned, -64..63 with 7 bits, -8192..8191 with 14; `value`: its
    controller's value. Ableton Live calls them Relative (Bin. Offset), (2's Comp.) and (Signed
    Bit); its Signed Bit 2 is `sign` with `invert`. The V-Pots of Mackie Control are `sign`: bit 6
    set is counter-clockwise."""
    half = 1 << (bits - 1)
    if mode == "offset":
        return value - half
    if mode == "twos":
        return value - 2 * half if value >= half else value
    return half - value if value >= half else value


def _turn(entry: MapEntry, movement: Movement, now: Value | None) -> Arguments | None:
    """The new value for a turned encoder. A tick is 1 / `ticks` of the range; for ints and menus at
    least one."""
    if not movement.steps and not movement.bits:  # the first half of a value has no direction
        return None
    # by the device
    sent = round(movement.value * ((1 << movement.bits) - 1) / MAX_VALUES[movement.control.kind])
    turned = movement.steps or ticks(entry.mode, sent, movement.bits)
    param = entry.param
    assert param is not None  # checked by `make_entry`
    span = abs(entry.high - entry.low)
    if not turned or not span:
        return None
    unit = param.step / span if param.type in (ParamType.INT, ParamType.MENU) else 0.0
    at = position_of(entry, now) + (-turned if entry.invert else turned) * max(
        1.0 / entry.ticks, unit
    )
    is_circle = param.out_of_range == "wrap" and span == param.high - param.low
    return _accept(entry, value_at(entry, at % 1.0 if is_circle else min(1.0, max(0.0, at))))


def _trigger(entry: MapEntry) -> Arguments:
    param = entry.param
    if param is None:
        return command_arguments(entry)
    if param.type is ParamType.TRIGGER:
        return (1,)
    if param.type in (ParamType.TEXT, ParamType.FILE):
        return (entry.argument,)
    return _accept(entry, entry.high)


def _accept(entry: MapEntry, value: float) -> Arguments:
    assert entry.param is not None  # a command can only be triggered
    accepted = osc_schema.accept(entry.param, value).value
    assert not isinstance(accepted, tuple)  # `make_entry` rejects colours
    return (accepted,)


def _has_taken_over(now: Value | None, pickup: Pickup) -> bool:
    return pickup.sent is not None and now == pickup.sent


def _number(entry: MapEntry, value: Value | None) -> float:
    assert entry.param is not None and value is not None
    return number_of(entry.param, value)


def _is_nearer_high(entry: MapEntry, value: Value | None) -> bool:
    number = _number(entry, value)
    return abs(number - entry.high) < abs(number - entry.low)


def _scale(entry: MapEntry) -> Scale:
    return Scale(
        entry.low, entry.high, entry.param is not None and entry.param.scale == "exponential"
    )
