"""Detection of an encoder's mode from its values. Pure.

A fader sends its position, so each value is next to the last one. An encoder sends how far it was turned, so a slow
turn repeats a value, and a turn back sends a different one: 1 and 127 (`twos`), 65 and 63 (`offset`), 1 and 65
(`sign`); with 14 bits the same around 0, 8192 and 16384. These are the tables of Ableton Live's manual ("Mapping to
Relative MIDI Controllers") and of Mackie Control.

- 127 or 63 alone is unambiguous. 1 alone is two's complement or sign bit, 65 alone is offset or sign bit: the turn
  back decides. Without a turn back we assume a turn to the right, in two's complement or offset.
- Only repeated values mean an encoder: a fader at its lower end sends 1, 2, 3.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

from engine.params.mapping.entry import Mode

MAX_TICKS = 7  # per message of a slow turn; a fast turn also starts slowly
MIN_REPEATS = 2
MIN_ONE_WAY = 12  # number of values after which we do not wait for a turn back
KEPT_VALUES = 16


def detect_mode(values: Iterable[int], bits: int) -> Mode | Literal[False] | None:
    """The mode of these values, oldest first, 0..127 or 0..16383. False: not an encoder; None: needs more values."""
    half, values = 1 << (bits - 1), tuple(values)
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


_MODES: dict[frozenset[str], Mode] = {
    frozenset(("above 0",)): "twos",
    frozenset(("below the top",)): "twos",
    frozenset(("above 0", "below the top")): "twos",
    frozenset(("above the middle",)): "offset",
    frozenset(("below the middle",)): "offset",
    frozenset(("above the middle", "below the middle")): "offset",
    frozenset(("above 0", "above the middle")): "sign",
}


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
