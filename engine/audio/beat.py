"""The beat of the sound: tempo, a phase that runs smoothly, and how sure it is.

The way of a hop: flux per band (`MonoFlux`) -> one onset strength 0..1, and snares (`drums`) -> tempo and position
(`beat_states`) -> a flywheel, which is what this file is about.

Problem: the most probable position moves in steps of a hop, wavers while rivals compete, and jumps when another wins. A
picture that follows it trembles, and its bar is lost with the first jump. A loop that is slow enough to smooth it needs
bars to follow a new song.

What we do: a flywheel. While the states agree with it, or name its half or double tempo, it is fitted to them by the
least squares line through the last seconds (see `TickLine` in `params/tempo_sources`), over less while the error is
great. Otherwise they name a rival, which must stay the same and have more onset strength on its beats: for a second at
most, or for eight bars of drums if it is the same pulse counted otherwise, but never longer than half the time for
which the flywheel stood. While the beat is not sure, the tempo is held, and the phase moves by a sixteenth note at
most. Onset strength is relative to the strongest of half a minute: beside drums, pads and voices are nothing.

Latency: the onset strength peaks some 17 ms after the attack, because the window must fill and flux compares with the
hop before the last. The beat that is told is that of the newest sample, so this time is added.

Confidence: how much more onset strength falls on the beats than on the whole, over some seconds. Noise and pads have
no such surplus; without onsets it falls to 0 in about a second.
"""

import math
from typing import Final

import numpy as np

from engine.audio.beat_states import BeatStates, Reading
from engine.values import BeatFeatures

GROUPS_HZ: Final = ((0.0, 120.0, 1.0), (120.0, 800.0, 0.6), (800.0, 5000.0, 0.6), (5000.0, math.inf, 0.5))
"""From, to, weight of each group's mean flux: many bands of a hat must not outvote a few of a kick."""
FALL_S: Final = 30.0  # of the strongest onset, to which the others are compared
RISE: Final = 0.4  # share of a stronger onset by which the strongest grows
MIN_FLUX: Final = 0.05
LATENCY_S: Final = 0.017
MEMORY_HOPS: Final = (15.0, 800.0)  # of the line, from and to
GREAT_ERROR, MAX_ERROR = 0.04, 0.2  # beats: from here on the memory shrinks, and the reading is another beat
TEMPO_ERRORS: Final = {1.0: 0.06, 2.0: 0.015, 0.5: 0.015}  # of a reading times this ratio, to count as agreement
UNSURE_BEATS: Final = 0.25
SURE: Final = 0.5  # confidence
RIVAL_S, IN_STEP_RIVAL_S, EIGHT_BARS = 1.0, 1.8, 32.0  # the latter in beats
MIN_RIVAL_S, STOOD_SHARE = 0.3, 0.5
SAME_RIVAL: Final = 0.04  # by how much its tempo may move
ADVANTAGE, CLEAR_ADVANTAGE = 1.3, 2.5  # onset strength on its beats to that on ours
IN_STEP_S, IN_STEP = 1.5, 0.5  # onset strength on our sixteenths: memory, share of all
DRUMS_S: Final = 2.0  # after a kick or a snare, for which the drums count as playing
DRUMMED_S: Final = 20.0  # of drums, the most that is remembered; as long without them, and the tempo stands on none
DRUMLESS: Final = 0.1  # share of its time that counts for a rival, while a tempo that stands on drums has none
SURPLUS_S: Final = 2.5
SURPLUS: Final = (1.3, 2.3)  # onset strength on the beat to the mean: confidence 0 and 1
RECENT_S, CLEAR_ONSET, MIN_RECENT = 4.0, 0.3, 2.1  # a beat is three onsets: the beginning of a drone is none
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
        self._memory_hops = MEMORY_HOPS[0]
        self._stood_s = self._unsure_beats = 0.0
        """How long the beat was sure, and by how much it was moved since it was not."""
        self._onsets = self._in_step = 0.0
        self._since_drum_s, self._drummed_s = math.inf, 0.0
        self._rival_s, self._rival_bpm, self._rival_sums = 0.0, 1.0, np.zeros(4)
        self._on_beat = self._overall = 0.0
        """Mean onset strength near beats and of all hops."""
        self._judged_hops, self._recent, self._onset_before = 0, 0.0, 0.0
        """The hops so far, how many clear onsets there were lately, and the onset strength of the hop before."""
        self._surplus_share = hop_s / SURPLUS_S
        self._confidence = 0.0

    def step(self, flux: np.ndarray, *, is_snare: bool = False, is_kick: bool = False) -> None:
        """Take the flux of the next hop, (bands,), and what was hit in it."""
        strength = float(self._weights @ flux)
        strongest = self._strongest * self._kept
        self._strongest = max(MIN_FLUX, strongest + RISE * max(0.0, strength - strongest))
        onset = min(1.0, strength / self._strongest)
        self._states.step(onset, is_snare=is_snare, is_kick=is_kick, bpm=self._bpm, phase=self._beat)
        self._beat += self._bpm / 60.0 * self._hop_s
        self._since_drum_s = 0.0 if is_kick or is_snare else self._since_drum_s + self._hop_s
        share, weight = self._hop_s / IN_STEP_S, onset * onset
        self._onsets += share * (weight - self._onsets)
        self._in_step += share * (weight * math.cos(8.0 * math.pi * self._beat) - self._in_step)
        if self._states.is_active:
            self._follow(onset)
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

    def _follow(self, onset: float) -> None:
        """Correct the flywheel by the reading of the states, or let the reading become its rival."""
        reading, hop_s = self._states.read(), self._hop_s
        ratios = (ratio for ratio, far in TEMPO_ERRORS.items() if abs(reading.bpm * ratio / self._bpm - 1.0) <= far)
        ratio = next(ratios, 0.0)
        step = min(1.0, ratio or 1.0)
        error = step * _wrapped((ratio * reading.phase - self._beat) / step)
        is_ours = ratio > 0.0 and abs(error) <= MAX_ERROR
        if is_ours:
            self._correct(error, reading.sureness, is_tempo=ratio == 1.0)
        has_drums = self._since_drum_s < DRUMS_S
        if is_ours and ratio == 1.0:
            self._rival_s = max(0.0, self._rival_s - hop_s)
            if self._confidence >= SURE:
                self._stood_s += hop_s
                self._drummed_s = min(DRUMMED_S, max(0.0, self._drummed_s + (hop_s if has_drums else -hop_s)))
            return
        advantage = self._watch(reading, onset, 1.0 if has_drums or not self._drummed_s else DRUMLESS)
        is_in_step = self._in_step > IN_STEP * self._onsets
        if is_ours or (is_in_step and (ratio == 1.0 or advantage < CLEAR_ADVANTAGE)):
            needed_s = EIGHT_BARS * 60.0 / min(reading.bpm, self._bpm)
        else:
            needed_s = IN_STEP_RIVAL_S if is_in_step else RIVAL_S / advantage
        needed_s = max(MIN_RIVAL_S, min(needed_s, STOOD_SHARE * self._stood_s))
        if self._rival_s >= needed_s and (is_ours or advantage > ADVANTAGE):
            beat = self._beat / (ratio or 1.0)  # at half the tempo bars are twice as long, but begin where they did
            self._beat, self._bpm = beat + _wrapped(reading.phase - beat), reading.bpm
            self._memory_hops, self._stood_s, self._rival_s = MEMORY_HOPS[0], 0.0, 0.0

    def _correct(self, error: float, sureness: float, *, is_tempo: bool) -> None:
        """Move phase and tempo by shares of the error, in beats."""
        hops, (shortest, longest) = self._memory_hops, MEMORY_HOPS
        self._memory_hops = max(shortest, hops * 0.97) if abs(error) > GREAT_ERROR else min(longest, hops + 1.0)
        share = sureness / ((hops + 1.0) * (hops + 2.0))
        move = 2.0 * (2.0 * hops + 1.0) * share * error
        if self._confidence < SURE < self._stood_s:
            move = min(UNSURE_BEATS - self._unsure_beats, max(-UNSURE_BEATS - self._unsure_beats, move))
            self._unsure_beats += move
        else:
            self._unsure_beats = 0.0
            self._bpm += is_tempo * 6.0 * share * error * 60.0 / self._hop_s
        self._beat += move

    def _watch(self, reading: Reading, onset: float, ageing: float) -> float:
        """Follow the rival: the onset strength on its beats to that on ours."""
        sums = self._rival_sums
        if abs(reading.bpm / self._rival_bpm - 1.0) > SAME_RIVAL:
            self._rival_s, self._rival_bpm, sums[:] = 0.0, reading.bpm, 0.0
        self._rival_s += ageing * self._hop_s
        self._rival_bpm += 0.02 * (reading.bpm - self._rival_bpm)
        for at, (beat, bpm) in enumerate(((reading.phase, reading.bpm), (self._beat, self._bpm))):
            if abs(_wrapped(beat)) * 60.0 / bpm <= ON_BEAT_S:
                sums[2 * at : 2 * at + 2] += onset, 1.0
        theirs, their_hops, ours, our_hops = sums.tolist()
        return max(0.01, theirs / max(1.0, their_hops)) / max(0.01, ours / max(1.0, our_hops))

    def _judge(self, onset: float) -> None:
        share = self._surplus_share
        distance_s = abs(_wrapped(self._beat)) * 60.0 / self._bpm
        self._judged_hops += 1
        self._overall += max(share, 1.0 / self._judged_hops) * (onset - self._overall)
        if distance_s <= ON_BEAT_S:
            beat_hops = 60.0 / self._bpm / (2 * ON_BEAT_S + self._hop_s)
            self._on_beat += min(1.0, share * beat_hops) * (onset - self._on_beat)
        low, high = SURPLUS
        surplus = self._on_beat / max(self._overall, 1e-6)
        is_clear = onset > max(CLEAR_ONSET, 3.0 * self._overall) >= self._onset_before
        self._recent = self._recent * (1.0 - self._hop_s / RECENT_S) + is_clear
        self._onset_before = onset
        is_rhythm = self._states.is_active and self._recent > MIN_RECENT
        wanted = min(1.0, max(0.0, (surplus - low) / (high - low))) if is_rhythm else 0.0
        self._confidence += (wanted - self._confidence) * self._hop_s / 0.3


def _wrapped(beats: float) -> float:
    """The nearest whole beat taken off, -1/2..1/2."""
    return (beats + 0.5) % 1.0 - 0.5
