"""What a message tells of controls: one movement, two where a pair of 14 bits is listened to, or one an argument."""

import math

from engine.osc import Impulse, Message
from engine.params.mapping_control import FIRST_FINE, MOST_ARGUMENTS, Control, MidiEvent, Movement, pair_of
from engine.params.mapping_pair import Pair

LONGEST_ADDRESS = 240  # with `osc` before it and a number after it a name of a control
MOST_PAIRS = 1024  # every pair of one device, twice over


class Movements:
    """Remembers the halves of pairs. One thread at a time."""

    def __init__(self) -> None:
        self._pairs: dict[Control, Pair] = {}

    def of_midi(self, event: MidiEvent, now_s: float) -> list[Movement]:
        """None of them for a clock and whatever else is no control."""
        place, channel, number = event.device, event.channel, event.number
        if event.kind == "cc":
            alone = Movement(Control("cc", channel, number, place), float(event.value))
            control = pair_of(alone.control)
            return [alone] if control is None else [alone, *self._of_pair(control, event, now_s)]
        if event.kind == "program":
            return [Movement(Control("program", channel, number, place), 1.0, is_bang=True)]
        if event.kind in ("note", "bend", "pressure"):
            return [Movement(Control(event.kind, channel, number, place), float(event.value))]  # type: ignore[arg-type]
        return []

    def of_osc(self, message: Message) -> list[Movement]:
        """One a number among the arguments; text, colours and blobs move nothing, nor does what cannot be named."""
        address, args, _ = message
        if len(address) > LONGEST_ADDRESS or address.split() != [address]:
            return []
        if not args:
            return [Movement(Control("osc", 0, 0, address), 1.0, is_bang=True)]
        movements = []
        for number, value in enumerate(args[:MOST_ARGUMENTS]):
            control = Control("osc", 0, number, address)
            if value is None or isinstance(value, Impulse):
                movements.append(Movement(control, 1.0, is_bang=True))
            elif type(value) in (float, int, bool) and math.isfinite(value):  # type: ignore[arg-type]
                movements.append(Movement(control, float(value)))  # type: ignore[arg-type]
        return movements

    def _of_pair(self, control: Control, event: MidiEvent, now_s: float) -> list[Movement]:
        pair = self._pairs.get(control)
        if pair is None:
            if len(self._pairs) >= MOST_PAIRS:
                self._pairs.clear()
            pair = self._pairs[control] = Pair()
        half = pair.coarse if event.number < FIRST_FINE else pair.fine
        at = half(event.value, now_s)
        return [] if at is None else [Movement(control, float(at))]
