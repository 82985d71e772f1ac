"""The backbeat: snare hits that tell how many of the pulses in a groove are beats.

Problem: in a slow song with eighths on the hats, every pulse is alike except for the snare. Counted twice as fast, each
pulse is still a beat, and the faster count lies nearer to the tempo at which people like to tap.

What we do: where snares follow each other evenly, they are two beats apart, as on 2 and 4 of most popular music. Each
interval between two snares that is like the one before votes for the period of half its length. Another interval (a
fill, a breakbeat, a waltz with snares on 2 and 3, a new song) starts the count over. Without snares nobody votes.

A snare on 3 of a fast bar (half-time, 140 beats a minute) has the same intervals as one on 2 and 4 of a slow bar. So
for slow periods the vote counts only if nothing divides the pulses of the faster count: a drummer who counts 140 plays
between the beats too.
"""

import math
from typing import Final

import numpy as np

MEMORY_S: Final = 3.0  # of the votes, without snares ...
KEPT: Final = 0.85  # ... and share of the older votes after each new one
DOUBT: Final = 0.25  # votes that nobody cast: one vote is not yet certain
FULL_WITHIN, NONE_BEYOND = (
    0.06,
    0.12,
)  # relative deviations: of a period from the vote; the latter also of even intervals
FAST_S: Final = (0.38, 0.44)  # no vote below, full vote above: a snare on each beat of a slow song looks like this
SLOW_S: Final = (0.70, 0.76)  # from here on (80 bpm), divided pulses speak against the vote ...
DIVIDED: Final = (0.3, 0.7)  # ... by how strongly they recur, compared with the pulses


class Backbeat:
    """Analyser thread; one step per hop of `hop_s`. `periods_s` (periods,) are those to vote for."""

    def __init__(self, hop_s: float, periods_s: np.ndarray) -> None:
        self._hop_s = hop_s
        self._periods_s = periods_s
        self._kept = math.exp(-hop_s / MEMORY_S)
        self._since_s = self._interval_s = math.inf
        """Since the latest snare, and between it and the one before."""
        self._votes = np.zeros(len(periods_s))
        self._total = 0.0
        self._fast = _ramp(periods_s, *FAST_S)
        self._slow = _ramp(periods_s, *SLOW_S)

    def step(self, is_snare: bool) -> None:
        """Take the next hop: True if a snare was hit in it."""
        self._since_s += self._hop_s
        self._votes *= self._kept
        self._total *= self._kept
        if not is_snare:
            return
        if abs(self._since_s - self._interval_s) < NONE_BEYOND * self._interval_s < math.inf:
            off = np.abs(2.0 * self._periods_s / self._since_s - 1.0)
            self._votes = KEPT * self._votes + 1.0 - _ramp(off, FULL_WITHIN, NONE_BEYOND)
            self._total = KEPT * self._total + 1.0
        else:
            self._start_over()
        self._since_s, self._interval_s = 0.0, self._since_s

    def forget(self) -> None:
        """Start over after silence."""
        self._start_over()
        self._since_s = self._interval_s = math.inf

    def share(self, divided: np.ndarray) -> np.ndarray:
        """Share of the votes for each period, (periods,) in 0..1. `divided` (periods,): how strongly a quarter of each
        period recurs in the sound, compared with half of it."""
        doubt = self._slow * _ramp(divided, *DIVIDED)
        share: np.ndarray = self._votes / (self._total + DOUBT) * self._fast * (1.0 - doubt)
        return share

    def _start_over(self) -> None:
        self._votes[:] = 0.0
        self._total = 0.0


def _ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, straight between."""
    ramp: np.ndarray = np.clip((x - low) / (high - low), 0.0, 1.0)
    return ramp
