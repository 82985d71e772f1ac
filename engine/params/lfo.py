"""Low-frequency oscillators, 0..1: free running, or locked to the beat.

Free: an LFO's place is the integral of its rate, `place += rate dt`, in cycles; from `rate t` it would jump whenever
the rate is turned, the further the longer the show runs. Locked: the place is `beat / beats a cycle`, so that it
stands where the bar is, whatever the tempo did before. `/lfo/<n>/phase` is added to either.

With x the fraction of the place: sine (1 - cos 2 pi x) / 2, triangle 1 - |2x - 1|, saw x, square 1 before the middle.
Random holds one value a cycle: a hash of the LFO's number and the cycle's (the finaliser of MurmurHash3, Appleby),
so that two runs of a show, and two cycles met twice, are the same.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from osc_schema.modulation import LFOS, SYNCS

_BITS: Final = 0xFFFF_FFFF
_SHAPE: Final = {n: f"/lfo/{n}/shape" for n in LFOS}
_RATE: Final = {n: f"/lfo/{n}/rate_hz" for n in LFOS}
_SYNC: Final = {n: f"/lfo/{n}/tempo_sync" for n in LFOS}
_PHASE: Final = {n: f"/lfo/{n}/phase" for n in LFOS}

_SHAPES: Final[dict[str, Callable[[float], float]]] = {
    "sine": lambda x: 0.5 - 0.5 * math.cos(math.tau * x),
    "triangle": lambda x: 1.0 - abs(2.0 * x - 1.0),
    "saw": lambda x: x,
    "square": lambda x: float(x < 0.5),
}


class Lfos:
    """The four oscillators. One thread: the frame loop's."""

    def __init__(self) -> None:
        self._cycles = dict.fromkeys(LFOS, 0.0)
        self._beat = 0.0

    def copy(self) -> "Lfos":
        """Four that go on from where these stand."""
        copy = Lfos()
        copy._cycles, copy._beat = dict(self._cycles), self._beat
        return copy

    def advance(self, values: Mapping[str, Any], dt_s: float, beat: float) -> None:
        """Go on by `dt_s` seconds, to that beat."""
        self._beat = beat
        for n, rate in _RATE.items():
            self._cycles[n] += values[rate] * dt_s

    def level(self, n: int, values: Mapping[str, Any]) -> float:
        """Where LFO `n` stands, 0..1."""
        beats = SYNCS[values[_SYNC[n]]]
        place = (self._beat / beats if beats else self._cycles[n]) + values[_PHASE[n]]
        cycle = math.floor(place)
        shape = values[_SHAPE[n]]
        return held(n, cycle) if shape == "random" else _SHAPES[shape](place - cycle)


def held(n: int, cycle: int) -> float:
    """The value that a random LFO `n` holds during that cycle: evenly spread over 0..1."""
    bits = (cycle * 0x9E37_79B9 + n * 0x7F4A_7C15) & _BITS
    bits = ((bits ^ bits >> 16) * 0x85EB_CA6B) & _BITS
    bits = ((bits ^ bits >> 13) * 0xC2B2_AE35) & _BITS
    return (bits ^ bits >> 16) / _BITS
