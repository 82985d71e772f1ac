"""The beat of the sound: tempo, a phase that runs smoothly, and how sure it is.

The way of a hop: flux per band (`MonoFlux`) -> one onset strength 0..1, and snares (`drums`) -> tempo and position
(`beat_states`) -> a phase-locked loop, which is what this file is about.

Problem: the most probable position moves in steps of a hop, wavers while rivals compete, and jumps when another wins.
A picture that follows it trembles. A loop that is slow enough to smooth it needs bars to follow a new song.

What we do: the usual second-order loop, an oscillator whose phase and frequency are corrected by shares of the error
(Large and Kolen 1994 for beats), as long as the tempo is about right. If the states name another tempo for 0.3 s on
end, the loop starts over there. Without onsets the loop runs free at its tempo.

Latency: the onset strength peaks some 17 ms after the attack, because the window must fill and flux compares with the
hop before the last. The beat that is told is that of the newest sample, so this time is added.

Confidence: how much more onset strength falls on the beats than on the whole, over some seconds. Noise and pads have
no such surplus, whatever the states believe; without onsets it falls to 0 in about a second.
"""

import math
from typing import Final

import numpy as np

from engine.audio.beat_states import BeatStates
from engine.values import BeatFeatures

GROUPS_HZ: Final = ((0.0, 120.0, 1.0), (120.0, 800.0, 0.6), (800.0, 5000.0, 0.6), (5000.0, math.inf, 0.5))
"""From, to, weight of each group's mean flux: many bands of a hat must not outvote a few of a kick."""
FALL_S: Final = 5.0  # of the strongest onset, to which the others are compared
MIN_FLUX: Final = 0.05
LATENCY_S: Final = 0.017
PHASE_GAIN: Final = 0.08  # per hop
TEMPO_GAIN: Final = 0.03
MAX_TEMPO_ERROR: Final = 0.06
RELOCK_S: Final = 0.3
SURPLUS_S: Final = 2.5
SURPLUS: Final = (1.3, 2.3)  # onset strength on the beat to the mean: confidence 0 and 1
ON_BEAT_S: Final = 0.03


class BeatTracker:
    """Analyser thread; one step per hop of `hop_s`. `centres_hz` (bands,) are those of the flux."""

    def __init__(self, hop_s: float, centres_hz: np.ndarray) -> None:
        self._hop_s = hop_s
        weights = np.zeros(len(centres_hz))
        total = sum(weight for _, _, weight in GROUPS_HZ)
        for low, high, weight in GROUPS_HZ:
            inside = (centres_hz >= low) & (centres_hz < high)
            weights[inside] = weight / total / max(1, inside.sum())
        self._weights = weights.astype(np.float32)
        self._states = BeatStates(hop_s)
        self._strongest, self._kept = MIN_FLUX, math.exp(-hop_s / FALL_S)
        self._beat, self._bpm = 0.0, 120.0
        self._off_tempo_s = 0.0
        self._on_beat = self._overall = 0.0
        """Mean onset strength near beats and of all hops."""
        self._surplus_share = hop_s / SURPLUS_S
        self._confidence = 0.0

    def step(self, flux: np.ndarray, *, is_snare: bool = False) -> None:
        """Take the flux of the next hop, (bands,), and if a snare was hit in it."""
        strength = float(self._weights @ flux)
        self._strongest = max(MIN_FLUX, strength, self._strongest * self._kept)
        onset = strength / self._strongest
        self._states.step(onset, is_snare=is_snare, bpm=self._bpm, phase=self._beat)
        self._beat += self._bpm / 60.0 * self._hop_s
        if self._states.is_active:
            self._lock()
        self._judge(onset)

    def features(self, kicks: int = 0, snares: int = 0, hats: int = 0) -> BeatFeatures:
        """The beat at the end of the newest hop, with the hits so far."""
        return BeatFeatures(
            beat=self._beat + LATENCY_S * self._bpm / 60.0,
            bpm=self._bpm,
            confidence=self._confidence,
            kick_count=kicks,
            snare_count=snares,
            hat_count=hats,
        )

    def _lock(self) -> None:
        """Correct the loop by the reading of the states."""
        reading = self._states.read()
        error = (reading.phase - self._beat + 0.5) % 1.0 - 0.5
        if abs(reading.bpm / self._bpm - 1.0) <= MAX_TEMPO_ERROR:
            self._off_tempo_s = 0.0
            self._beat += PHASE_GAIN * error * reading.sureness
            self._bpm += TEMPO_GAIN * (reading.bpm - self._bpm)
            return
        self._off_tempo_s += self._hop_s
        if self._off_tempo_s >= RELOCK_S:
            self._beat, self._bpm, self._off_tempo_s = self._beat + error, reading.bpm, 0.0

    def _judge(self, onset: float) -> None:
        share = self._surplus_share
        distance_s = abs(self._beat - round(self._beat)) * 60.0 / self._bpm
        self._overall += share * (onset - self._overall)
        if distance_s <= ON_BEAT_S:
            beat_hops = 60.0 / self._bpm / (2 * ON_BEAT_S + self._hop_s)
            self._on_beat += min(1.0, share * beat_hops) * (onset - self._on_beat)
        low, high = SURPLUS
        surplus = self._on_beat / max(self._overall, 1e-6)
        wanted = min(1.0, max(0.0, (surplus - low) / (high - low))) if self._states.is_active else 0.0
        self._confidence += (wanted - self._confidence) * self._hop_s / 0.3
