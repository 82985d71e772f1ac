"""Which control is meant by "take what moves next". Pure; time comes in.

Taken are a note that begins, a program change, a message without arguments at its first hearing; and a control with
a value once it has told two different ones, or one that is clearly not what it told before. Not taken are values that
only repeat, notes that end, and what has been moving all along without a pause: the position of a clip that plays, a
meter, an LFO. A pause is three times as long as is usual between two of its movements, half a second at least and two
at most. Where both halves of a 14-bit pair are heard together, the pair is taken, and an NRPN instead of the
controllers that it is made of.

An encoder that a number is learned from says how far it was turned, always in the same few values (`encoder`).
While what a control sends may be that, it is taken when that is clear, with the mode that reads it; an encoder that is
turned one way only after a dozen ticks.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.params.mapping.controller_pair import PAUSE_S
from engine.params.mapping.controls import AFTER_FINE, FIRST_FINE, MAX_VALUES, Control, Movement, pair_of
from engine.params.mapping.encoder_modes import KEPT_VALUES, detect_mode
from engine.params.mapping.entry import TURNED, Mode

MAX_CONTROLS = 4096  # remembered; a flood of addresses empties the memory
REST_S = 0.5  # a hand that moves a fader never waits so long between two of its steps
SLOWEST_REST_S = 2.0  # of what moves by itself a few times a second, as each of Resolume's many playheads does
RESTS = 3.0  # times as long as usual between two movements is a rest
ALL_ALONG = 8  # movements without a rest in between, of which the last is just past: a stream, or a hand in motion
NOISE = 1 / 128  # of the range: below a step of a 7-bit control nothing has been moved
CLEAR = 0.1  # of the range
TOUCHES = range(104, 113)  # notes: the faders of Mackie Control and of the X-Touch One send them when they are touched


@dataclass(slots=True)
class _Known:
    value: float
    heard_s: float
    moved_s: float
    moves: int = 0
    """Since its last rest."""
    usual_s: float = SLOWEST_REST_S
    """Between two of its movements."""
    first: float | None = None
    """Its first value since learning began."""
    is_restless: bool = False
    """It moved all along before learning began, and has not rested since."""
    bits: int = 0
    values: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT_VALUES))
    """The last ones in these bits, where it may be an encoder."""

    def move(self, now_s: float) -> None:
        since_s, self.moved_s = now_s - self.moved_s, now_s
        rested = since_s >= min(max(REST_S, RESTS * self.usual_s), SLOWEST_REST_S)
        self.moves = 1 if rested else self.moves + 1
        self.is_restless = self.is_restless and not rested
        if not rested:
            self.usual_s = since_s if self.moves <= 2 else 0.75 * self.usual_s + 0.25 * since_s


class Learned(NamedTuple):
    control: Control
    mode: Mode | None = None
    """The mode of an encoder; None: it is none."""


class Learner:
    """Hears every movement, so that it knows what moves all along. One thread at a time."""

    def __init__(self) -> None:
        self._known: dict[Control, _Known] = {}
        self._may_turn = False
        self.is_learning = False

    def begin(self, *, may_turn: bool = True) -> None:
        """From the next movement on. `may_turn`: what is learned for is a number, which an encoder can turn."""
        self.is_learning = True
        self._may_turn = may_turn
        for known in self._known.values():
            known.first = None
            known.is_restless = known.moves >= ALL_ALONG  # whether it has rested since is seen when it moves again

    def end(self) -> None:
        self.is_learning = False

    def hear(self, movement: Movement, now_s: float) -> Learned | None:
        """The control that is meant, once it is clear; always None while nobody learns."""
        if movement.part_of is not None:
            return None
        control, value, is_bang = movement[:3]
        known = self._known.get(control)
        before = None if known is None else known.value
        if known is None:
            if len(self._known) >= MAX_CONTROLS:
                self._known.clear()
            known = self._known[control] = _Known(value, now_s, float("-inf"))
        _keep(known, movement)
        if is_bang or movement.steps or value != before:
            known.move(now_s)
        whole = self._whole(control, known.heard_s, now_s)
        known.value, known.heard_s = value, now_s
        if not self.is_learning or known.is_restless:
            return None
        if movement.steps:
            return Learned(control, "twos" if self._may_turn else None)
        if control.kind == "note":
            is_meant = self._is_pressed(control, known)
        else:
            is_meant = is_bang or self._has_moved(control, known, before)
        turned = self._known.get(whole)
        if self._may_turn and turned is not None and turned.values:
            mode = detect_mode(turned.values, turned.bits)
            if mode is not False:
                return Learned(control, mode) if mode and control == whole else None
        return Learned(whole) if is_meant and control.kind != "cc14" else None

    def _is_pressed(self, control: Control, known: _Known) -> bool:
        """A note begins; one that may say that a finger is on a fader ends, and the fader has not been moved."""
        if not self._may_turn or control.number not in TOUCHES:
            return known.value > 0
        if known.value > 0:
            known.first = known.value
        return known.value == 0 and known.first is not None

    def _has_moved(self, control: Control, known: _Known, before: float | None) -> bool:
        largest = float(MAX_VALUES[control.kind])
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

    def _whole(self, control: Control, before_s: float, now_s: float) -> Control:
        """The pair where the other half came along with this one, now or when this one was heard before."""
        pair = pair_of(control)
        partner = None if pair is None else self._known.get(_partner(control))
        if pair is None or partner is None:
            return control
        return pair if min(now_s - partner.heard_s, abs(before_s - partner.heard_s)) <= PAUSE_S else control


def _keep(known: _Known, movement: Movement) -> None:
    """Remember what an encoder may have told."""
    kind, bits = movement.control.kind, movement.bits
    if kind not in TURNED or not bits or movement.steps:
        return
    if bits != known.bits:  # its first coarse half was not the whole of it
        known.bits = bits
        known.values.clear()
    known.values.append(round(movement.value * ((1 << bits) - 1) / MAX_VALUES[kind]))


def _partner(control: Control) -> Control:
    return control._replace(number=(control.number + FIRST_FINE) % AFTER_FINE)
