"""Low-frequency oscillators, 0..1: free running, or locked to the beat.

Free: the phase is the integral of the rate, so that it does not jump when the rate is changed.
Locked: it is `beat / beats per cycle`, so it always fits the bar. `/lfo/<n>/phase` is added to
both. With x the fraction of the phase: sine (1 - cos 2 pi x) / 2, triangle 1 - |2x - 1|, saw x,
square 1 in the first half. Random holds one value per cycle: a hash of the numbers of the LFO and
the cycle (MurmurHash3's finaliser, Appleby), the same in every run.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from osc_schema.modulation import BAR_SYNCS, LFOS, SYNCS

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
    """The four low-frequency oscillators. For the render thread."""

    def __init__(self) -> None:
        self._cycles: dict[int, float] = dict.fromkeys(LFOS, 0.0)
        self._beat = 0.0

    def copy(self) -> "Lfos":
        """A copy that continues from the current state."""
        copy = Lfos()
        copy._cycles = dict(self._cycles)
        copy._beat = self._beat
        return copy

    def advance(self, values: Mapping[str, Any], dt_s: float, beat: float) -> None:
        self._beat = beat
        for n, rate in _RATE.items():
            self._cycles[n] += values[rate] * dt_s

    def level(self, n: int, values: Mapping[str, Any]) -> float:
        """The level of LFO `n`, 0..1."""
        sync = values[_SYNC[n]]
        beats = BAR_SYNCS[sync] * values["/tempo/beats_a_bar"] if sync in BAR_SYNCS else SYNCS[sync]
        phase = (self._beat / beats if beats else self._cycles[n]) + values[_PHASE[n]]
        cycle = math.floor(phase)
        shape = values[_SHAPE[n]]
        return random_level(n, cycle) if shape == "random" else _SHAPES[shape](phase - cycle)


def random_level(n: int, cycle: int) -> float:
    """The level of a random LFO `n` in that cycle, uniformly distributed over 0..1."""
    bits = (cycle * 0x9E37_79B9 + n * 0x7F4A_7C15) & _BITS
    bits = ((bits ^ bits >> 16) * 0x85EB_CA6B) & _BITS
    bits = ((bits ^ bits >> 13) * 0xC2B2_AE35) & _BITS
    return (bits ^ bits >> 16) / _BITS
