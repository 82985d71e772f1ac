"""How an encoder tells its turns, by what it sends. Pure.

A fader sends where it stands: each value beside the last one. An encoder sends how far it was turned, so a slow turn
repeats itself, and a turn back is another number: 1 and 127 (`twos`), 65 and 63 (`offset`), 1 and 65 (`sign`); of 14
bits the same beside 0, 8192 and 16384. These are the tables of Ableton Live's manual ("Mapping to Relative MIDI
Controllers") and of Mackie Control.

- 127 or 63 alone is clear. 1 alone is two's complement or sign bit, 65 alone is offset or sign bit: which, the turn
  back tells. Where there is none, it was a turn to the right, and two's complement or offset.
- Only what repeats is an encoder. A fader at its lower end tells 1, 2, 3.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

from engine.params.mapping.entry import Mode

MAX_TICKS = 7  # a slow turn: a fast one begins slowly
MIN_REPEATS = 2
MIN_ONE_WAY = 12  # values after which no turn back is waited for
KEPT_VALUES = 16


def detect_mode(values: Iterable[int], bits: int) -> Mode | Literal[False] | None:
    """The mode; False: no encoder sends these; None: more of them will tell. Oldest first, 0..127 or 0..16383."""
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
    """Three values in a row, each one beside the last: a fader."""
    steps = [value - before for before, value in pairwise(values)]
    return any(one == other and abs(one) == 1 for one, other in pairwise(steps))
