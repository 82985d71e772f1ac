"""Turns messages into movements: one or two per MIDI message, as a 14-bit pair adds one, one per
OSC argument."""

import math

from engine.osc.decode import Impulse, Message, TimeTag
from engine.params.mapping import nrpn
from engine.params.mapping.controls import (
    FIRST_FINE,
    MAX_ARGUMENTS,
    MAX_VALUES,
    Control,
    MidiEvent,
    Movement,
    pair_of,
)

MAX_ADDRESS = 240  # leaves room for `osc` and a number in the name of the control
MAX_PAIRS = 1024  # twice all pairs of one device
MAX_SELECTIONS = 1024  # channels of devices
NO_NUMBER = -1  # for the controllers that select an NRPN, or that set an RPN


class MovementReader:
    """Turns messages into movements; keeps the halves of pairs and the selected NRPNs. One thread
    at a time."""

    def __init__(self) -> None:
        self._pairs: dict[Control, nrpn.ControllerPair] = {}
        self._selections: dict[tuple[int, str], nrpn.Selection] = {}
        self._entries: dict[Control, nrpn.DataEntry] = {}
        self._last: dict[Control, int] = {}

    def of_midi(self, event: MidiEvent, now_s: float) -> list[Movement]:
        """The movements of a MIDI message; empty for a clock and other messages that are not from a
        control."""
        device = event.device
        channel = event.channel
        number = event.number
        if event.kind == "cc":
            alone = Movement(Control("cc", channel, number, device), float(event.value))
            control = pair_of(alone.control)
            plain = [alone] if control is None else [alone, *self._of_pair(control, event, now_s)]
            if number not in nrpn.SELECTING and number not in nrpn.SETTING:
                return plain
            return self._of_parameter(event, plain, now_s)
        if event.kind == "nrpn":
            return self._of_whole(Control("nrpn", channel, number, device), event.value, now_s)
        if event.kind == "program":
            return [Movement(Control("program", channel, number, device), 1.0, is_bang=True)]
        if event.kind in ("note", "bend", "pressure"):
            return [Movement(Control(event.kind, channel, number, device), float(event.value))]
        return []

    def of_osc(self, message: Message) -> list[Movement]:
        """One movement per numeric argument; none for text, colours, blobs and addresses that
        cannot be named."""
        address, args, _ = message
        if len(address) > MAX_ADDRESS or address.split() != [address]:
            return []
        if not args:
            return [Movement(Control("osc", 0, 0, address), 1.0, is_bang=True)]
        movements = []
        for number, value in enumerate(args[:MAX_ARGUMENTS]):
            control = Control("osc", 0, number, address)
            if value is None or isinstance(value, Impulse):
                movements.append(Movement(control, 1.0, is_bang=True))
            elif (
                isinstance(value, float | int)
                and not isinstance(value, TimeTag)
                and math.isfinite(value)
            ):
                movements.append(Movement(control, float(value)))
        return movements

    def _of_pair(self, control: Control, event: MidiEvent, now_s: float) -> list[Movement]:
        pair = self._pairs.get(control)
        if pair is None:
            if len(self._pairs) >= MAX_PAIRS:
                self._pairs.clear()
            pair = self._pairs[control] = nrpn.ControllerPair()
        half = pair.coarse if event.number < FIRST_FINE else pair.fine
        at = half(event.value, now_s)
        return [] if at is None else [Movement(control, float(at), bits=14 if pair.is_whole else 0)]

    def _of_parameter(
        self, event: MidiEvent, plain: list[Movement], now_s: float
    ) -> list[Movement]:
        """The movements of a controller that may select or set an NRPN; `plain`: those as a plain
        controller."""
        key = event.channel, event.device
        if key not in self._selections and len(self._selections) >= MAX_SELECTIONS:
            self._selections.clear()
        selection = self._selections.setdefault(key, nrpn.Selection())
        if event.number in nrpn.SELECTING:
            if not selection.select(event.number, event.value):
                return plain
        else:
            selection.was_set()
            if selection.is_empty:
                return plain
        number = None if event.number in nrpn.SELECTING else selection.number
        control = Control(
            "nrpn", event.channel, NO_NUMBER if number is None else number, event.device
        )
        parts = [movement._replace(part_of=control) for movement in plain]
        if number is None:
            return parts
        if event.number in (nrpn.DATA_COARSE, nrpn.DATA_FINE):
            entry = self._entry(control)
            half = entry.coarse if event.number == nrpn.DATA_COARSE else entry.fine
            return [*_at(control, half(event.value, now_s)), *parts]
        # The value of 96 and 97 has no meaning (MIDI 1.0, RP-018); devices send 0, 1 or 127.
        is_up = event.number == nrpn.DATA_UP
        value = float(MAX_VALUES["nrpn"]) if is_up else 0.0
        return [Movement(control, value, is_bang=is_up, steps=1 if is_up else -1), *parts]

    def _of_whole(self, control: Control, value: int, now_s: float) -> list[Movement]:
        """The movements of an NRPN that the bridge has already combined. Open Stage Control sends
        it after each half, the first time with a fine half of 0, which is not a position of the
        fader (its `rpn.py`)."""
        entry = self._entry(control)
        coarse, fine = divmod(value, nrpn.HALF)
        position: nrpn.Position | None = entry.coarse(coarse, now_s)
        if fine or (entry.has_fine and self._last.get(control) == value):
            position = entry.fine(fine, now_s)
        self._last[control] = value
        return _at(control, position)

    def _entry(self, control: Control) -> nrpn.DataEntry:
        if control not in self._entries and len(self._entries) >= MAX_PAIRS:
            self._entries.clear()
            self._last.clear()
        return self._entries.setdefault(control, nrpn.DataEntry())


def _at(control: Control, position: nrpn.Position | None) -> list[Movement]:
    return (
        [] if position is None else [Movement(control, float(position.value), bits=position.bits)]
    )
