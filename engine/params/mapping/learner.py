"""MIDI learn: detects which control is being moved. Pure: time is an argument.

A note on, a program change and a message without arguments are learned at once; a control with a
value after two different values, or one that clearly differs from its last before learning.
Repeated values and note offs are ignored, and so are controls that move all the time (the position
of a clip, a meter) without a pause: three times the usual interval of their movements, half a
second to two. If both halves of a 14-bit pair arrive together, the pair is learned, and an NRPN
instead of the controllers it is made of.

If the target is a number, the control may be an encoder: it is learned when its mode is clear
(`detect_mode`), or after a dozen ticks in one direction.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from engine.params.mapping.controls import (
    AFTER_FINE,
    FIRST_FINE,
    MAX_VALUES,
    Control,
    Movement,
    pair_of,
)
from engine.params.mapping.entry import TURNED, Mode
from engine.params.mapping.nrpn import PAUSE_S

MAX_TICKS = 7  # per message of a slow turn; a fast turn also starts slowly
MIN_REPEATS = 2
MIN_ONE_WAY = 12  # number of values after which we do not wait for a turn back
HISTORY_VALUES = 16
_MODES: dict[frozenset[str], Mode] = {
    frozenset(("above 0",)): "twos",
    frozenset(("below the top",)): "twos",
    frozenset(("above 0", "below the top")): "twos",
    frozenset(("above the middle",)): "offset",
    frozenset(("below the middle",)): "offset",
    frozenset(("above the middle", "below the middle")): "offset",
    frozenset(("above 0", "above the middle")): "sign",
}

MAX_CONTROLS = 4096  # limit of the memory use; when it is reached, all are forgotten
REST_S = 0.5  # the steps of a fader moved by hand are always closer
MAX_REST_S = (
    2.0  # for controls that move by themselves a few times per second, such as Resolume's playheads
)
RESTS = 3.0  # a rest is this many times the usual interval between two movements
ALL_ALONG = 8  # movements without a rest in between: a stream, or a hand that is already moving
NOISE = 1 / 128  # of the range: less than a step of a 7-bit control does not count
CLEAR = 0.1  # of the range: a clear difference from the value before learning
# notes that the faders of Mackie Control and X-Touch One send when they are touched
TOUCHES = range(104, 113)


def detect_mode(values: Iterable[int], bits: int) -> Mode | Literal[False] | None:
    """Detect an encoder's mode from its values, oldest first, 0..127 or 0..16383. False: no
    encoder; None: needs more.

    A fader sends its position, so each value is next to the last one. An encoder sends how far it
    was turned: a slow turn repeats a value, and a turn back sends a different one: 1 and 127
    (`twos`), 65 and 63 (`offset`), 1 and 65 (`sign`); with 14 bits the same around 0, 8192 and
    16384 (Ableton Live's manual, "Mapping to Relative MIDI Controllers", and Mackie Control).

    - 127 or 63 alone is unambiguous. 1 is two's complement or sign bit, 65 offset or sign bit: the
      turn back decides, and without one we assume a turn to the right, in two's complement or
      offset.
    - Only repeated values mean an encoder: a fader at its lower end sends 1, 2, 3."""
    half = 1 << (bits - 1)
    values = tuple(values)
    sides = [_side(value, half) for value in values]
    kinds = frozenset(sides)
    mode = _MODES.get(kinds)
    if mode is None or _climbs(values):
        return False
    repeats = sum(value == before for before, value in pairwise(values))
    if repeats + sum(side != before for before, side in pairwise(sides)) < MIN_REPEATS:
        return None
    if len(kinds) == 1 and kinds & {"above 0", "above the middle"} and len(values) < MIN_ONE_WAY:
        return None
    return mode


def _side(value: int, half: int) -> str:
    for name, ticks in (
        ("above 0", value),
        ("below the top", 2 * half - value),
        ("above the middle", value - half),
        ("below the middle", half - value),
    ):
        if 1 <= ticks <= MAX_TICKS:
            return name
    return ""


def _climbs(values: tuple[int, ...]) -> bool:
    """True for three consecutive values with steps of 1 in one direction: a fader."""
    steps = [value - before for before, value in pairwise(values)]
    return any(one == other and abs(one) == 1 for one, other in pairwise(steps))


@dataclass(slots=True)
class _History:
    value: float
    received_s: float
    moved_s: float
    moves: int = 0
    """Number of movements since its last rest."""
    usual_s: float = MAX_REST_S
    """Usual interval between two of its movements."""
    first: float | None = None
    """Its first value since learning started."""
    is_restless: bool = False
    """True if it was moving all the time before learning started, and has not rested since."""
    bits: int = 0
    values: deque[int] = field(default_factory=lambda: deque(maxlen=HISTORY_VALUES))
    """Its last values with these bits, if it may be an encoder."""

    def move(self, now_s: float) -> None:
        since_s = now_s - self.moved_s
        self.moved_s = now_s
        rested = since_s >= min(max(REST_S, RESTS * self.usual_s), MAX_REST_S)
        self.moves = 1 if rested else self.moves + 1
        self.is_restless = self.is_restless and not rested
        if not rested:
            self.usual_s = since_s if self.moves <= 2 else 0.75 * self.usual_s + 0.25 * since_s


class Learned(NamedTuple):
    control: Control
    mode: Mode | None = None
    """The mode of an encoder; None: not an encoder."""


class Learner:
    """Receives every movement, also before learning, to know which controls move all the time. One
    thread at a time."""

    def __init__(self) -> None:
        self._histories: dict[Control, _History] = {}
        self._may_turn = False
        self.is_learning = False

    def begin(self, *, may_turn: bool = True) -> None:
        """Start learning with the next movement. `may_turn`: the target is a number, which an
        encoder can turn."""
        self.is_learning = True
        self._may_turn = may_turn
        for history in self._histories.values():
            history.first = None
            # a rest since then is noticed when it moves again
            history.is_restless = history.moves >= ALL_ALONG

    def end(self) -> None:
        self.is_learning = False

    def process(self, movement: Movement, now_s: float) -> Learned | None:
        """Process a movement. Returns the learned control once it is clear, else None; None while
        not learning."""
        if movement.part_of is not None:
            return None
        control, value, is_bang = movement[:3]
        history = self._histories.get(control)
        before = None if history is None else history.value
        if history is None:
            if len(self._histories) >= MAX_CONTROLS:
                self._histories.clear()
            history = self._histories[control] = _History(value, now_s, float("-inf"))
        _record(history, movement)
        if is_bang or movement.steps or value != before:
            history.move(now_s)
        whole = self._whole(control, history.received_s, now_s)
        history.value = value
        history.received_s = now_s
        if not self.is_learning or history.is_restless:
            return None
        if movement.steps:
            return Learned(control, "twos" if self._may_turn else None)
        if control.kind == "note":
            is_intended = self._is_pressed(control, history)
        else:
            is_intended = is_bang or self._has_moved(control, history, before)
        turned = self._histories.get(whole)
        if self._may_turn and turned is not None and turned.values:
            mode = detect_mode(turned.values, turned.bits)
            if mode is not False:
                return Learned(control, mode) if mode and control == whole else None
        return Learned(whole) if is_intended and control.kind != "cc14" else None

    def _is_pressed(self, control: Control, history: _History) -> bool:
        """True for a note on. A note that may be a touched fader counts at its note off, if the
        fader did not move."""
        if not self._may_turn or control.number not in TOUCHES:
            return history.value > 0
        if history.value > 0:
            history.first = history.value
        return history.value == 0 and history.first is not None

    def _has_moved(self, control: Control, history: _History, before: float | None) -> bool:
        largest = float(MAX_VALUES[control.kind])
        if control.kind == "osc":  # its range is unknown, but contains this value
            largest = max(largest, abs(history.value))
        if history.first is None:
            history.first = history.value
            is_clear = before is not None and abs(history.value - before) >= CLEAR * largest
            # After the first half of a pair it is unknown if a second one follows; the next value
            # shows it.
            is_partner_known = pair_of(control) is not None and _partner(control) in self._histories
            return is_clear and not is_partner_known
        return abs(history.value - history.first) >= NOISE * largest

    def _whole(self, control: Control, before_s: float, now_s: float) -> Control:
        """The pair if the other half arrived together with this one, now or the last time; else
        `control`."""
        pair = pair_of(control)
        partner = None if pair is None else self._histories.get(_partner(control))
        if pair is None or partner is None:
            return control
        return (
            pair
            if min(now_s - partner.received_s, abs(before_s - partner.received_s)) <= PAUSE_S
            else control
        )


def _record(history: _History, movement: Movement) -> None:
    """Store a value that may be from an encoder."""
    kind = movement.control.kind
    bits = movement.bits
    if kind not in TURNED or not bits or movement.steps:
        return
    if bits != history.bits:  # its first coarse half was only a part of the value
        history.bits = bits
        history.values.clear()
    history.values.append(round(movement.value * ((1 << bits) - 1) / MAX_VALUES[kind]))


def _partner(control: Control) -> Control:
    return control._replace(number=(control.number + FIRST_FINE) % AFTER_FINE)
