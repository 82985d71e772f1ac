"""Tracks the beat of the sound: tempo, a phase that runs smoothly, and a confidence.

The steps of a hop: flux per band (`MonoFlux`) -> one onset strength 0..1, and snares (`drums`) ->
tempo and position (`beat_states`) -> a flywheel, which is what this file is about.

Problem: the most probable position moves in steps of a hop, wavers while tempo hypotheses compete,
and jumps when another wins. A picture that follows it trembles, and loses its bar at the first
jump. A filter that is slow enough to smooth it needs bars to follow a new song.

Solution: a flywheel. While the states agree with it, or with its half or double tempo, it follows
their least squares line (see `TickLine` in `params/tempo_sources`). The line covers the last
seconds, and less while the error is large. Otherwise their reading is another hypothesis. It
replaces the flywheel once it has been stable and had more onset strength on its beats: for a second
at most, or for eight bars of drums if it counts the same pulse in another way. That time is at most
half of that for which the flywheel was stable. While the confidence is low, the tempo is fixed, and
the phase moves by a sixteenth note at most. Onset strength is relative to the strongest of half a
minute: beside drums, pads and voices hardly count.

Latency: the onset strength peaks some 17 ms after the attack, because the window must fill and flux
compares with the hop before the last. The reported beat is that of the newest sample, so this time
is added.

Confidence: how much more onset strength falls on the beats than on the whole, over some seconds.
Noise and pads have no such surplus; without onsets it falls to 0 in about a second.
"""

import math
from typing import Final

import numpy as np

from engine.audio.beat_states import BeatStates, Reading
from engine.values import BeatFeatures

GROUPS_HZ: Final = (
    (0.0, 120.0, 1.0),
    (120.0, 800.0, 0.6),
    (800.0, 5000.0, 0.6),
    (5000.0, math.inf, 0.5),
)
"""From, to, weight of each group's mean flux: many bands of a hat must not outvote a few of a
kick."""
FALL_S: Final = 30.0  # of the strongest onset, to which the others are compared
RISE: Final = 0.4  # fraction of a stronger onset by which the strongest grows
MIN_FLUX: Final = 0.05
LATENCY_S: Final = 0.017
MEMORY_HOPS: Final = (15.0, 800.0)  # of the line, from and to
# beats: from here on the memory shrinks, and the reading is another beat
GREAT_ERROR = 0.04
MAX_ERROR = 0.2
# of a reading times this ratio, to count as agreement
TEMPO_ERRORS: Final = {1.0: 0.06, 2.0: 0.015, 0.5: 0.015}
MAX_UNSURE_BEATS: Final = 0.25
CONFIDENT: Final = 0.5  # confidence
# the latter in beats
CANDIDATE_S = 1.0
IN_STEP_CANDIDATE_S = 1.8
EIGHT_BARS = 32.0
MIN_CANDIDATE_S = 0.3
STABLE_FRACTION = 0.5
SAME_TEMPO: Final = 0.04  # by how much a candidate's tempo may move
# onset strength on the candidate's beats to that on ours
ADVANTAGE = 1.3
CLEAR_ADVANTAGE = 2.5
# onset strength on our sixteenths: memory, fraction of all
IN_STEP_S = 1.5
IN_STEP = 0.5
DRUMS_S: Final = 2.0  # after a kick or a snare, for which the drums count as playing
DRUM_MEMORY_S: Final = 20.0  # longest remembered time with drums, which falls again without them
DRUMLESS: Final = (
    0.1  # fraction of a candidate's time that counts while a tempo that is based on drums has none
)
SURPLUS_S: Final = 2.5
SURPLUS: Final = (1.3, 2.3)  # onset strength on the beat to the mean: confidence 0 and 1
# a beat needs three onsets; the beginning of a drone is one
RECENT_S = 4.0
CLEAR_ONSET = 0.3
MIN_RECENT = 2.1
ON_BEAT_S: Final = 0.03


class BeatTracker:
    """Tracks the beat, one step per hop of `hop_s`. `centres_hz` (bands,): those of the flux.
    Analyser thread."""

    def __init__(self, hop_s: float, centres_hz: np.ndarray) -> None:
        self._hop_s = hop_s
        weights = np.zeros(len(centres_hz))
        total = sum(weight for _, _, weight in GROUPS_HZ)
        for low, high, weight in GROUPS_HZ:
            inside = (centres_hz >= low) & (centres_hz < high)
            weights[inside] = weight / total / max(1, inside.sum())
        self._weights = weights.astype(np.float32)
        self._states = BeatStates(hop_s)
        self._strongest = MIN_FLUX
        self._peak_decay = math.exp(-hop_s / FALL_S)
        self._beat = 0.0
        self._bpm = 120.0
        self._memory_hops = MEMORY_HOPS[0]
        self._stable_s = 0.0
        self._unsure_beats = 0.0
        """How long the beat has been confident, and by how many beats it was moved since it was
        not."""
        self._onsets = 0.0
        self._in_step = 0.0
        self._since_drum_s = math.inf
        self._drums_s = 0.0
        self._candidate_s = 0.0
        self._candidate_bpm = 1.0
        self._candidate_sums = np.zeros(4)
        self._on_beat = 0.0
        self._overall = 0.0
        """Mean onset strength near beats and of all hops."""
        self._judged_hops = 0
        self._recent = 0.0
        self._onset_before = 0.0
        """The hops so far, how many clear onsets there were lately, and the onset strength of the
        hop before."""
        self._surplus_rate = hop_s / SURPLUS_S
        self._confidence = 0.0

    def step(self, flux: np.ndarray, *, is_snare: bool = False, is_kick: bool = False) -> None:
        """Update the beat with the next hop: its spectral flux, (bands,), and the drum hits in
        it."""
        strength = float(self._weights @ flux)
        strongest = self._strongest * self._peak_decay
        self._strongest = max(MIN_FLUX, strongest + RISE * max(0.0, strength - strongest))
        onset = min(1.0, strength / self._strongest)
        self._states.step(
            onset, is_snare=is_snare, is_kick=is_kick, bpm=self._bpm, phase=self._beat
        )
        self._beat += self._bpm / 60.0 * self._hop_s
        self._since_drum_s = 0.0 if is_kick or is_snare else self._since_drum_s + self._hop_s
        rate = self._hop_s / IN_STEP_S
        weight = onset * onset
        self._onsets += rate * (weight - self._onsets)
        self._in_step += rate * (weight * math.cos(8.0 * math.pi * self._beat) - self._in_step)
        if self._states.is_active:
            self._follow(onset)
        self._update_confidence(onset)

    @property
    def bpm(self) -> float:
        return self._bpm

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

    def _follow(self, onset: float) -> None:
        """Correct the flywheel by the reading of the states, or treat the reading as another
        hypothesis."""
        reading = self._states.read()
        hop_s = self._hop_s
        ratios = (
            ratio
            for ratio, far in TEMPO_ERRORS.items()
            if abs(reading.bpm * ratio / self._bpm - 1.0) <= far
        )
        ratio = next(ratios, 0.0)
        step = min(1.0, ratio or 1.0)
        error = step * _wrap((ratio * reading.phase - self._beat) / step)
        is_ours = ratio > 0.0 and abs(error) <= MAX_ERROR
        if is_ours:
            self._correct(error, reading.sureness, is_tempo=ratio == 1.0)
        has_drums = self._since_drum_s < DRUMS_S
        if is_ours and ratio == 1.0:
            self._candidate_s = max(0.0, self._candidate_s - hop_s)
            if self._confidence >= CONFIDENT:
                self._stable_s += hop_s
                self._drums_s = min(
                    DRUM_MEMORY_S, max(0.0, self._drums_s + (hop_s if has_drums else -hop_s))
                )
            return
        advantage = self._weigh_candidate(
            reading, onset, 1.0 if has_drums or not self._drums_s else DRUMLESS
        )
        is_in_step = self._in_step > IN_STEP * self._onsets
        if is_ours or (is_in_step and (ratio == 1.0 or advantage < CLEAR_ADVANTAGE)):
            needed_s = EIGHT_BARS * 60.0 / min(reading.bpm, self._bpm)
        else:
            needed_s = IN_STEP_CANDIDATE_S if is_in_step else CANDIDATE_S / advantage
        needed_s = max(MIN_CANDIDATE_S, min(needed_s, STABLE_FRACTION * self._stable_s))
        if self._candidate_s >= needed_s and (is_ours or advantage > ADVANTAGE):
            # at half the tempo bars are twice as long, but begin where they did
            beat = self._beat / (ratio or 1.0)
            self._beat = beat + _wrap(reading.phase - beat)
            self._bpm = reading.bpm
            self._memory_hops = MEMORY_HOPS[0]
            self._stable_s = 0.0
            self._candidate_s = 0.0

    def _correct(self, error: float, sureness: float, *, is_tempo: bool) -> None:
        """Move phase and tempo by fractions of the error, in beats."""
        hops, (shortest, longest) = self._memory_hops, MEMORY_HOPS
        self._memory_hops = (
            max(shortest, hops * 0.97) if abs(error) > GREAT_ERROR else min(longest, hops + 1.0)
        )
        gain = sureness / ((hops + 1.0) * (hops + 2.0))
        move = 2.0 * (2.0 * hops + 1.0) * gain * error
        if self._confidence < CONFIDENT < self._stable_s:
            move = min(
                MAX_UNSURE_BEATS - self._unsure_beats,
                max(-MAX_UNSURE_BEATS - self._unsure_beats, move),
            )
            self._unsure_beats += move
        else:
            self._unsure_beats = 0.0
            self._bpm += is_tempo * 6.0 * gain * error * 60.0 / self._hop_s
        self._beat += move

    def _weigh_candidate(self, reading: Reading, onset: float, ageing: float) -> float:
        """Update the candidate tempo; returns the ratio of the onset strength on its beats to that
        on ours."""
        sums = self._candidate_sums
        if abs(reading.bpm / self._candidate_bpm - 1.0) > SAME_TEMPO:
            self._candidate_s = 0.0
            self._candidate_bpm = reading.bpm
            sums[:] = 0.0
        self._candidate_s += ageing * self._hop_s
        self._candidate_bpm += 0.02 * (reading.bpm - self._candidate_bpm)
        for at, (beat, bpm) in enumerate(((reading.phase, reading.bpm), (self._beat, self._bpm))):
            if abs(_wrap(beat)) * 60.0 / bpm <= ON_BEAT_S:
                sums[2 * at : 2 * at + 2] += onset, 1.0
        theirs, their_hops, ours, our_hops = sums.tolist()
        return max(0.01, theirs / max(1.0, their_hops)) / max(0.01, ours / max(1.0, our_hops))

    def _update_confidence(self, onset: float) -> None:
        rate = self._surplus_rate
        distance_s = abs(_wrap(self._beat)) * 60.0 / self._bpm
        self._judged_hops += 1
        self._overall += max(rate, 1.0 / self._judged_hops) * (onset - self._overall)
        if distance_s <= ON_BEAT_S:
            beat_hops = 60.0 / self._bpm / (2 * ON_BEAT_S + self._hop_s)
            self._on_beat += min(1.0, rate * beat_hops) * (onset - self._on_beat)
        low, high = SURPLUS
        surplus = self._on_beat / max(self._overall, 1e-6)
        is_clear = onset > max(CLEAR_ONSET, 3.0 * self._overall) >= self._onset_before
        self._recent = self._recent * (1.0 - self._hop_s / RECENT_S) + is_clear
        self._onset_before = onset
        is_rhythm = self._states.is_active and self._recent > MIN_RECENT
        target = min(1.0, max(0.0, (surplus - low) / (high - low))) if is_rhythm else 0.0
        self._confidence += (target - self._confidence) * self._hop_s / 0.3


def _wrap(beats: float) -> float:
    """Subtract the nearest whole beat; the rest is -1/2..1/2."""
    return (beats + 0.5) % 1.0 - 0.5
