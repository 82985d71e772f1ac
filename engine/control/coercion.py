"""Converts the arguments of a message to one value for a parameter; `osc_schema.accept` checks it.

MIDI arguments from bridges (`m`: port, status, data 1, data 2): controllers, note velocities, channel pressure and
pitch bend are fader positions across the parameter's range, snapped to the steps of a menu or a whole number. Note off
is the lower end. A program change is a menu index or a whole number.
"""

from typing import Final

from engine.osc import Impulse, Midi, Rgba, TimeTag
from osc_schema import Param, ParamType, Rejected
from osc_schema.scale import nearest_step, scale_of

PLAIN_TAGS: Final = frozenset("fisTFdhScN")  # a single argument of these types needs no conversion

_NOTE_OFF, _NOTE_ON, _CONTROLLER, _PROGRAM, _PRESSURE, _BEND = 0x80, 0x90, 0xB0, 0xC0, 0xD0, 0xE0
_SEVEN_BITS, _FOURTEEN_BITS = 127, 16_383


def value_of(param: Param, args: tuple[object, ...]) -> object:
    """Convert `args` to one value for `accept`. Raises Rejected."""
    if len(args) == 1:
        return _single(param, args[0])
    if not args:
        if param.type is ParamType.TRIGGER:
            return None
        raise Rejected(f"{param.address}: needs a value")
    if param.type is ParamType.COLOUR:
        return args
    raise Rejected(f"{param.address}: takes one value, not {len(args)}")


def _single(param: Param, value: object) -> object:
    if isinstance(value, Midi):
        return _of_midi(param, value)
    if isinstance(value, Rgba) and param.type is ParamType.COLOUR:
        return tuple(part / 255 for part in value)
    if isinstance(value, Impulse) and param.type is ParamType.TRIGGER:
        return None
    if isinstance(value, Rgba | Impulse | TimeTag | bytes):
        raise Rejected(f"{param.address}: {_KINDS[type(value)]} cannot set this parameter")
    if isinstance(value, tuple):
        return value_of(param, value)  # an array; the decoder bounds its depth
    return value


def _of_midi(param: Param, midi: Midi) -> object:
    event = midi.status & 0xF0
    if event == _PROGRAM and param.type in (ParamType.MENU, ParamType.INT):
        return midi.data1
    position = _position(event, midi)
    if position is None or param.type in (ParamType.TEXT, ParamType.FILE, ParamType.COLOUR):
        raise Rejected(f"{param.address}: MIDI {bytes(midi).hex(' ')} cannot set this parameter")
    if param.type is ParamType.BOOL:
        return position >= 0.5 if event == _CONTROLLER else position > 0.0
    if param.type is ParamType.TRIGGER:
        return position > 0.0
    value = scale_of(param).value_at(position)
    return nearest_step(value, param.step) if param.type in (ParamType.INT, ParamType.MENU) else value


def _position(event: int, midi: Midi) -> float | None:
    """The fader position of a MIDI event, 0..1, or None for other kinds of events."""
    if event == _NOTE_OFF:
        return 0.0
    if event in (_NOTE_ON, _CONTROLLER):
        return (midi.data2 & 0x7F) / _SEVEN_BITS
    if event == _PRESSURE:
        return (midi.data1 & 0x7F) / _SEVEN_BITS
    if event == _BEND:
        return ((midi.data2 & 0x7F) << 7 | midi.data1 & 0x7F) / _FOURTEEN_BITS
    return None


_KINDS: Final = {Rgba: "a colour", Impulse: "an impulse", TimeTag: "a time tag", bytes: "a blob"}
