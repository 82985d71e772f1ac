"""Which control is meant by "take what moves next". Pure; time comes in.

Taken are a note that begins, a program change, a message without arguments at its first hearing; and a control with
a value once it has told two different ones, or one that is clearly not what it told before. Not taken are values that
only repeat, notes that end, and what has been moving all along without a pause: the position of a clip that plays, a
meter, an LFO. Where both halves of a 14-bit pair are heard together, the pair is taken, and an NRPN instead of the
controllers that it is made of.
"""

from dataclasses import dataclass

from engine.params.mapping_control import AFTER_FINE, FIRST_FINE, LARGEST, Control, Movement, pair_of
from engine.params.mapping_pair import PAUSE_S

MOST_CONTROLS = 4096  # remembered; a flood of addresses empties the memory
REST_S = 0.5  # a hand that moves a fader never waits so long between two of its steps
ALL_ALONG = 8  # movements without a rest in between, of which the last is just past: a stream, or a hand in motion
NOISE = 1 / 128  # of the range: below a step of a 7-bit control nothing has been moved
CLEAR = 0.1  # of the range


@dataclass(slots=True)
class _Known:
    value: float
    heard_s: float
    moved_s: float
    moves: int = 0
    """Since its last rest."""
    first: float | None = None
    """Its first value since learning began."""
    is_restless: bool = False
    """It moved all along before learning began, and has not rested since."""


class Learner:
    """Hears every movement, so that it knows what moves all along. One thread at a time."""

    def __init__(self) -> None:
        self._known: dict[Control, _Known] = {}
        self.is_learning = False

    def begin(self) -> None:
        """From the next movement on."""
        self.is_learning = True
        for known in self._known.values():
            known.first = None
            known.is_restless = known.moves >= ALL_ALONG  # whether it has rested since is seen when it moves again

    def end(self) -> None:
        self.is_learning = False

    def hear(self, movement: Movement, now_s: float) -> Control | None:
        """The control that is meant, once it is clear; always None while nobody learns."""
        if movement.part_of is not None:
            return None
        control, value, is_bang = movement[:3]
        known = self._known.get(control)
        before = None if known is None else known.value
        if known is None:
            if len(self._known) >= MOST_CONTROLS:
                self._known.clear()
            known = self._known[control] = _Known(value, now_s, float("-inf"))
        if is_bang or movement.steps or value != before:
            rested = now_s - known.moved_s >= REST_S
            known.moves = 1 if rested else known.moves + 1
            known.is_restless = known.is_restless and not rested
            known.moved_s = now_s
        known.value, known.heard_s = value, now_s
        if not self.is_learning or known.is_restless or control.kind == "cc14":
            return None
        if control.kind == "note":
            is_meant = value > 0
        else:
            is_meant = is_bang or movement.steps or self._has_moved(control, known, before)
        return self._whole(control, now_s) if is_meant else None

    def _has_moved(self, control: Control, known: _Known, before: float | None) -> bool:
        largest = float(LARGEST[control.kind])
        if control.kind == "osc":  # its range is not known; what was heard of it is a part of it
            largest = max(largest, abs(known.value))
        if known.first is None:
            known.first = known.value
            is_clear = before is not None and abs(known.value - before) >= CLEAR * largest
            # One half of a pair says nothing of the other: the second value tells whether there are two.
            return is_clear and not self._partner_is_known(control)
        return abs(known.value - known.first) >= NOISE * largest

    def _partner_is_known(self, control: Control) -> bool:
        return pair_of(control) is not None and _partner(control) in self._known

    def _whole(self, control: Control, now_s: float) -> Control:
        """The pair where the other half came along with this one."""
        pair = pair_of(control)
        partner = self._known.get(_partner(control))
        return pair if pair is not None and partner is not None and now_s - partner.heard_s <= PAUSE_S else control


def _partner(control: Control) -> Control:
    return control._replace(number=(control.number + FIRST_FINE) % AFTER_FINE)
