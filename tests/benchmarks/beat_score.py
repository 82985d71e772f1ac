"""Beats found in a sound, and how good they are.

F-measure as `mir_eval.beat.f_measure` defines it (Davies, Degara and Plumbley, "Evaluation methods
for musical audio beat tracking algorithms", 2009): a found beat is right if it is within 70 ms of a
true one, each counts once, and the first five seconds do not count.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.audio.beat import BeatTracker
from engine.audio.drums import DrumDetector
from engine.audio.onset import MonoFlux

HOP_S: Final = 0.01
WITHIN_S: Final = 0.07
SKIPPED_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedBeats:
    """The tracker's answers for a whole sound. Nothing in them was corrected afterwards."""

    beats_s: np.ndarray
    """When it counted a beat."""
    hits_s: dict[str, np.ndarray]
    """When it reported a kick, snare or hat."""
    hop_s: float
    bpm: np.ndarray
    """(hops,)"""
    confidence: np.ndarray
    """(hops,)"""
    count: np.ndarray
    """(hops,): the position in beats at the end of each hop."""

    def confidence_at(self, time_s: float) -> float:
        return float(self.confidence[min(len(self.confidence) - 1, round(time_s / self.hop_s))])

    def bpm_at(self, time_s: float) -> float:
        return float(self.bpm[min(len(self.bpm) - 1, round(time_s / self.hop_s))])


def listen(sound: np.ndarray, rate_hz: int, drums_sound: np.ndarray | None = None) -> TrackedBeats:
    """Track `sound`, (frames,) float32 in [-1, 1], hop by hop, as the analysis does; hits in
    `drums_sound` if given."""
    hop_frames = round(rate_hz * HOP_S)
    hop_s = hop_frames / rate_hz
    flux, hit_flux = MonoFlux(rate_hz, hop_frames), MonoFlux(rate_hz, hop_frames)
    tracker, drums = BeatTracker(hop_s, flux.centres_hz), DrumDetector(hop_s, flux.centres_hz)
    beats: list[float] = []
    hits: dict[str, list[float]] = {"kick": [], "snare": [], "hat": []}
    bpm, confidence, count = [], [], []
    last = math.floor(tracker.features().beat)
    for number in range(len(sound) // hop_frames):
        hop = slice(number * hop_frames, (number + 1) * hop_frames)
        growth = flux.step(sound[hop])
        hit_flux.step((sound if drums_sound is None else drums_sound)[hop])
        is_kick, is_snare, is_hat = drums.step(hit_flux.level)
        tracker.step(growth, is_snare=is_snare, is_kick=is_kick)
        now_s = (number + 1) * hop_s
        for times, is_hit in zip(hits.values(), (is_kick, is_snare, is_hat), strict=True):
            if is_hit:
                times.append(now_s)
        features = tracker.features()
        if math.floor(features.beat) > last:
            beats.append(now_s - (features.beat % 1.0) * 60.0 / features.bpm)
        last = math.floor(features.beat)
        bpm.append(features.bpm)
        confidence.append(features.confidence)
        count.append(features.beat)
    return TrackedBeats(
        beats_s=np.array(beats),
        hits_s={name: np.array(times) for name, times in hits.items()},
        hop_s=hop_s,
        bpm=np.array(bpm),
        confidence=np.array(confidence),
        count=np.array(count),
    )


def f_measure(
    true_s: np.ndarray, found_s: np.ndarray, from_s: float = SKIPPED_S, to_s: float = math.inf
) -> float:
    """F-measure, 0..1: the harmonic mean of precision (found beats that are true) and recall (true
    beats found)."""
    true, found = (times[(times >= from_s) & (times < to_s)] for times in (true_s, found_s))
    pairs = first = 0
    for beat_s in true:
        while first < len(found) and found[first] < beat_s - WITHIN_S:
            first += 1
        if first < len(found) and found[first] <= beat_s + WITHIN_S:
            pairs, first = pairs + 1, first + 1
    return 2.0 * pairs / (len(true) + len(found)) if len(true) + len(found) else 1.0


def errors_s(true_s: np.ndarray, found_s: np.ndarray) -> np.ndarray:
    """Distance of each true beat to the nearest found one, (true beats,); infinite if none was
    found."""
    if not len(found_s):
        return np.full(len(true_s), math.inf)
    nearest: np.ndarray = np.abs(true_s[:, None] - found_s[None, :]).min(axis=1)
    return nearest


def lock_s(true_s: np.ndarray, found_s: np.ndarray) -> float:
    """Seconds from the first true beat until all further ones are found, within 40 ms and without
    others between."""
    period_s = float(np.median(np.diff(true_s)))
    found_s = found_s[(found_s >= true_s[0] - 0.04) & (found_s <= true_s[-1] + 0.04)]
    is_right = errors_s(true_s, found_s) <= 0.04
    is_right[1:] &= np.diff(np.searchsorted(found_s, true_s + 0.04)) == 1
    wrong = np.flatnonzero(~is_right)
    if not len(wrong):
        return 0.0
    return (
        float(true_s[wrong[-1]] - true_s[0] + period_s) if wrong[-1] + 1 < len(true_s) else math.inf
    )
