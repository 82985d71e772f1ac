"""Estimates tempo and position in the beat as one probability distribution, updated each hop.

Problem: tempo and beat depend on each other, and every groove has several hypotheses: half and
double tempo, the off-beat, the dotted beat. A show needs one answer now, without the next bars.
Measuring the period first and then its phase fails where both change, and flips between hypotheses
that are nearly equal.

Solution: a hidden Markov model in the efficient state space of Krebs, Böck and Widmer ("An
efficient state space model for joint tempo and meter tracking", ISMIR 2015), filtered forward only.
A state is a period in hops and a position in it, some 5000 in all. Each hop every state moves on by
one position: one shift of an array. Only at a beat may the period change, by little. Then each
state is weighted by how well the newest onset strength x fits its position: exponential densities,
of a high mean at the beat and of a low one elsewhere. So competing tempi are tracked in parallel; a
wrong one loses weight as sound arrives.

Three terms stabilise the octave. Periods far from 115 beats per minute lose a little each second
(people tap there: Parncutt, Music Perception 1994). Periods whose multiples 1, 2 and 4 recur in the
sound gain: a leaky autocorrelation, which sees a bar where the states see one beat (Scheirer, JASA
1998, uses a bank of combs for it). And snares that follow each other evenly are two beats apart
(`Backbeat`).

Without onsets for about a second the states rest, and the caller's beat runs on; with the next
onset they start from its position. A small leak towards all states lets a new song win within
seconds.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.audio.spectrum import greatest_nearby

MEMORY_S: Final = 3.0  # of the votes, without snares ...
VOTE_DECAY: Final = 0.85  # ... and factor of the older votes after each new one
UNCAST_VOTES: Final = 0.25  # votes that nobody cast: one vote is not yet certain
# Relative deviations of a period from the vote; the latter also of even intervals.
FULL_WITHIN = 0.06
NONE_BEYOND = 0.12
# no vote below, full vote above: a snare on each beat of a slow song looks like this
FAST_S: Final = (0.38, 0.44)
# likewise with a kick halfway between the snares, within this fraction
KICKED_S = (0.31, 0.33)
HALFWAY = 0.06
SLOW_S: Final = (0.70, 0.76)  # from here on (80 bpm), divided pulses speak against the vote ...
DIVIDED: Final = (0.3, 0.7)  # ... by how strongly they recur, compared with the pulses

# Of the states
MIN_BPM, MAX_BPM = 58.0, 208.0  # a little more than 60..200, so that the ends are not walls
BEAT_MEANS: Final = (0.5, 0.4, 0.22)  # mean onset strength at a beat, and 10 and 20 ms beside it
HALF_MEAN: Final = 0.09  # between two beats
ELSEWHERE_MEAN: Final = 0.08
# exponent of the densities: neighbouring hops show the same onset, so they count for less than one
TRUST: Final = 0.45
TEMPO_STIFFNESS: Final = 120.0  # exp(-120 |change of the period|) at a beat
LEAK: Final = 1e-3  # fraction of the probability that returns to all states, per hop
FAVOURITE_BPM = 115.0
FAVOURITE_OCTAVES = 0.8
MAX_PULL_OCTAVES: Final = (
    0.8  # beyond, the pull no longer grows: a clear pulse of 60 or 200 must win
)
PULL_PER_S: Final = 2.5
COMB_PER_S: Final = 2.0
COMB_S: Final = 3.0  # memory of the autocorrelation
COMB_MULTIPLES: Final = (1, 2, 4)
COMB_HOPS: Final = 10  # between two updates of the weights
BACKBEAT_PER_S: Final = 8.0
REST_S: Final = 1.2  # time constant of the activity
MIN_ACTIVITY: Final = 0.2
REST_ERROR_HOPS: Final = 3.0  # by which the beat that ran on may be off after a rest
DOUBT: Final = 0.2  # probability that it is another song by now


class Backbeat:
    """Lets snare hits vote for the number of pulses per beat. Analyser thread; one step per hop of
    `hop_s`. `periods_s` (periods,) are those to vote for.

    In a slow song with eighths on the hats, every pulse is alike except for the snare. The count
    twice as fast is nearer to the tempo at which people like to tap. But evenly spaced snares are
    two beats apart, as on 2 and 4 of most popular music. So each interval between two snares that
    is like the one before votes for the period of half its length. Another interval (a fill, a
    breakbeat, a waltz with snares on 2 and 3, a new song) starts the count over. Fast periods get
    votes only if a kick comes halfway between the snares: on each beat of a slow song there may be
    a snare, but no kick between.

    A snare on 3 of a fast bar (half-time, 140 beats per minute) has the same intervals as one on 2
    and 4 of a slow bar. So for slow periods the vote counts only if nothing divides the pulses of
    the faster count: a drummer who counts 140 plays between the beats too."""

    def __init__(self, hop_s: float, periods_s: np.ndarray) -> None:
        self._hop_s = hop_s
        self._periods_s = periods_s
        self._decay = math.exp(-hop_s / MEMORY_S)
        self._since_s = math.inf
        self._interval_s = math.inf
        """Since the latest snare, and between it and the one before."""
        self._has_kick = False
        """True if a kick came halfway since the latest snare."""
        self._votes = np.zeros(len(periods_s))
        self._total = 0.0
        self._fast = _ramp(periods_s, *FAST_S)
        self._kicked = _ramp(periods_s, *KICKED_S)
        self._slow = _ramp(periods_s, *SLOW_S)

    def step(self, is_snare: bool, is_kick: bool) -> None:
        """Update the votes with the next hop: `is_snare`, `is_kick`: True for a hit in it."""
        self._since_s += self._hop_s
        self._votes *= self._decay
        self._total *= self._decay
        self._has_kick |= is_kick and abs(self._since_s / self._interval_s - 0.5) < HALFWAY
        if not is_snare:
            return
        if abs(self._since_s - self._interval_s) < NONE_BEYOND * self._interval_s < math.inf:
            off = np.abs(2.0 * self._periods_s / self._since_s - 1.0)
            vote = (1.0 - _ramp(off, FULL_WITHIN, NONE_BEYOND)) * (
                self._kicked if self._has_kick else self._fast
            )
            self._votes = VOTE_DECAY * self._votes + vote
            self._total = VOTE_DECAY * self._total + 1.0
        else:
            self._start_over()
        since_s, interval_s, has_kick = 0.0, self._since_s, False
        self._since_s = since_s
        self._interval_s = interval_s
        self._has_kick = has_kick

    def forget(self) -> None:
        """Reset all votes after silence."""
        self._start_over()
        self._since_s = math.inf
        self._interval_s = math.inf

    def vote_fractions(self, divided: np.ndarray) -> np.ndarray:
        """Fraction of the votes for each period, (periods,) in 0..1. `divided` (periods,): how
        strongly a quarter of each period recurs in the sound, compared with half of it."""
        doubt = self._slow * _ramp(divided, *DIVIDED)
        fractions: np.ndarray = self._votes / (self._total + UNCAST_VOTES) * (1.0 - doubt)
        return fractions

    def _start_over(self) -> None:
        self._votes[:] = 0.0
        self._total = 0.0


def _ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, straight between."""
    ramp: np.ndarray = np.clip((x - low) / (high - low), 0.0, 1.0)
    return ramp


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The most probable tempo and position."""

    bpm: float
    phase: float
    """Position in the beat, -1/2..1/2."""
    sureness: float
    """0..1: how far the probability lies at one position."""


class BeatStates:
    """The hidden Markov model of tempo and position; one step per hop of `hop_s`. Analyser
    thread."""

    def __init__(self, hop_s: float) -> None:
        self._hop_s = hop_s
        lags = np.arange(round(60.0 / MAX_BPM / hop_s), round(60.0 / MIN_BPM / hop_s) + 1)
        self._lags = lags
        octaves = np.log2(60.0 / (lags * hop_s) / FAVOURITE_BPM)
        prior = np.exp(-0.5 * (octaves / FAVOURITE_OCTAVES) ** 2)
        pull = np.minimum(np.abs(octaves), MAX_PULL_OCTAVES) / FAVOURITE_OCTAVES
        self._log_pull = -0.5 * PULL_PER_S * hop_s * pull**2  # (lags,)
        # The states of all lags in one array, by lag and position: `firsts` are the beats, `lasts`
        # the hops before one.
        self._firsts = np.concatenate([[0], np.cumsum(lags)[:-1]])
        self._lasts = self._firsts + lags - 1
        position = np.concatenate([np.arange(lag) for lag in lags])
        lag = np.repeat(lags, lags)
        self._all = np.repeat(prior / prior.sum() / lags, lags).astype(np.float32)  # (states,)
        self._states = self._all.copy()
        self._moved = self._states.copy()
        change = np.exp(-TEMPO_STIFFNESS * np.abs(lags[None, :] / lags[:, None] - 1.0))
        # (lags, lags)
        self._change = (change / change.sum(axis=1, keepdims=True)).astype(np.float32)
        self._position = position
        self._lag = lag
        self._turn = np.exp(2j * np.pi * position / lag).astype(np.complex64)
        kind = np.full(len(lag), 4)
        kind[np.abs(position - lag / 2) <= 1.5] = 3
        distance = np.minimum(position, lag - position)
        for hops in (2, 1, 0):
            kind[distance <= hops] = hops
        self._kind = kind
        self._means = np.array([*BEAT_MEANS, HALF_MEAN, ELSEWHERE_MEAN])
        self._weights = np.repeat(np.exp(self._log_pull), lags).astype(np.float32)
        self._activity = 0.0
        self._activity_decay = math.exp(-hop_s / REST_S)
        self._past = np.zeros(lags[-1] * COMB_MULTIPLES[-1] + 3)
        """Onset strengths, the newest first, and what they have in common with themselves that long
        ago."""
        self._recurrence = np.zeros_like(self._past)
        self._recurrence_decay = math.exp(-hop_s / COMB_S)
        self._backbeat = Backbeat(hop_s, lags * hop_s)
        self._hops = 0
        self._has_started = False

    @property
    def is_active(self) -> bool:
        """True if there were onsets within about a second."""
        return self._activity > MIN_ACTIVITY

    def step(
        self, onset: float, *, is_snare: bool, is_kick: bool, bpm: float, phase: float
    ) -> None:
        """Update the model with the next hop: the onset strength, 0..1, and the drum hits in it.
        `bpm` and `phase` (of the hop before, in beats) are those of a beat that ran on, to start
        from after a rest."""
        was_active = self.is_active
        self._activity = max(onset, self._activity * self._activity_decay)
        self._backbeat.step(is_snare, is_kick)
        self._update_recurrence(onset)
        if not self.is_active:
            self._backbeat.forget()  # the drop after a break may be another groove
            return
        if not was_active and self._has_started:
            self._start_at(bpm, phase)
        self._has_started = True
        states = self._states
        moved = self._moved
        moved[1:] = states[:-1]
        moved[self._firsts] = states[self._lasts] @ self._change
        densities = np.exp(TRUST * (-np.log(self._means) - onset / self._means))
        moved *= densities.astype(np.float32)[self._kind]
        moved *= self._weights
        moved *= (1.0 - LEAK) / float(moved.sum())
        moved += LEAK * self._all
        self._states = moved
        self._moved = states

    def read(self) -> Reading:
        """The most probable tempo, averaged over its neighbours, and the mean position there."""
        by_lag = np.add.reduceat(self._states, self._firsts)
        best = int(by_lag.argmax())
        low, high = max(0, best - 2), min(len(by_lag), best + 3)
        near = by_lag[low:high]
        lag = float((near * self._lags[low:high]).sum() / near.sum())
        span = slice(self._firsts[low], self._lasts[high - 1] + 1)
        mean = complex((self._states[span] * self._turn[span]).sum())
        return Reading(
            bpm=60.0 / (lag * self._hop_s),
            phase=math.atan2(mean.imag, mean.real) / math.tau,
            sureness=abs(mean),
        )

    def _start_at(self, bpm: float, phase: float) -> None:
        lag = 60.0 / bpm / self._hop_s
        hops = (self._position / self._lag - phase + 0.5) % 1.0 - 0.5
        near = np.exp(
            -0.5 * (hops * self._lag / REST_ERROR_HOPS) ** 2 - 0.5 * (self._lag - lag) ** 2
        )
        self._states = ((1.0 - DOUBT) * near / near.sum() + DOUBT * self._all).astype(np.float32)

    def _update_recurrence(self, onset: float) -> None:
        past = self._past
        past[1:] = past[:-1].copy()
        past[0] = onset
        self._recurrence *= self._recurrence_decay
        if onset > 0.0:
            self._recurrence += onset * past
        self._hops += 1
        if self._hops % COMB_HOPS == 0:
            near = greatest_nearby(self._recurrence)  # (hops,), for uneven playing
            comb = np.sum([near[self._lags * multiple] for multiple in COMB_MULTIPLES], axis=0)
            comb = np.maximum(comb / max(float(comb.max()), 1e-9), 0.05)
            half, quarter = (near[np.round(self._lags / parts).astype(int)] for parts in (2, 4))
            backbeat = self._backbeat.vote_fractions(quarter / np.maximum(half, 1e-9))
            per_s = COMB_PER_S * np.log(comb) + BACKBEAT_PER_S * backbeat
            log_weight = self._log_pull + self._hop_s * per_s
            self._weights = np.repeat(np.exp(log_weight), self._lags).astype(np.float32)
