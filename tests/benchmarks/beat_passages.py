"""Songs of several passages for the beat tracker: drums, what breaks them off, drums again; and
where its bar is then.

The bars are known to the sample. A tracker does not number its beats, so the place of its bar is
that which its count had in the last bars before the passage.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from tests.benchmarks.beat_score import TrackedBeats, listen
from tests.benchmarks.beat_songs import (
    DISCO,
    FOUR,
    HALF,
    LEAD_S,
    RATE_HZ,
    Score,
    Sheet,
    Song,
    play_bass,
    play_drums,
    play_pad,
    play_riser,
    play_voice,
)

FILL: Final = {"kick": "x...x...x.....x.", "snare": "....x..x.xx.xxxx", "hat": "x.x.x..........."}
GROOVES: Final = {"drums": FOUR, "disco": DISCO, "fill": FILL, "halftime": HALF}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Bars of four beats in which one thing plays: a groove of GROOVES, silence, pads, voice, or a
    riser."""

    plays: str
    bars: float
    bpm: float | None = None
    """The tempo at its end, to which it moves evenly; None: as before."""


def arrange(bpm: float, passages: tuple[Passage, ...], seed: int = 1) -> tuple[Song, np.ndarray]:
    """The song, and when each of its passages begins and the last ends, (passages + 1,) in
    seconds."""
    steps_s, tempos, firsts = [LEAD_S], [bpm], [0]
    for passage in passages:
        count, first_bpm = round(passage.bars * 16), tempos[-1]
        for step in range(count):
            tempos.append(first_bpm + ((passage.bpm or first_bpm) - first_bpm) * (step + 1) / count)
            steps_s.append(steps_s[-1] + 15.0 / tempos[-1])
        firsts.append(firsts[-1] + count)
    times = np.array(steps_s)
    score = Score(name="passages", pattern={}, bpm=bpm, bass=0.3)
    rng = np.random.default_rng(seed)
    sheet = Sheet(
        score=score, sound=np.zeros(round(times[-1] * RATE_HZ), np.float32), rng=rng, steps_s=times
    )
    for passage, first, end in zip(passages, firsts[:-1], firsts[1:], strict=True):
        steps = times[first : end + 1]
        if passage.plays in GROOVES:
            play_drums(sheet, GROOVES[passage.plays], steps[:-1])
            play_bass(sheet, steps[:-1])
        elif passage.plays == "riser":
            play_riser(sheet, steps)
        elif passage.plays == "pads":
            play_pad(sheet, 0.5, steps[:-1:16], 240.0 / bpm)
        elif passage.plays == "voice":
            play_voice(sheet, 0.6, float(steps[0]), float(steps[-1]))
    sheet.sound *= 0.5 / np.abs(sheet.sound).max()
    beats_s = np.concatenate([times[first:end:4] for first, end in pairwise(firsts)])
    hits = {name: np.array(at) for name, at in sheet.hits.items()}
    return Song(name="passages", sound=sheet.sound, beats_s=beats_s, hits_s=hits), times[firsts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Errors of bar and tempo after a song in which something other than the drums played for a
    while."""

    slip_ms: float
    """Greatest distance of the counted bar from the true one, from a bar after the passage on."""
    tempo: tuple[float, float]
    """Least and greatest tempo from the passage on, to the true one."""


def measure_bar(
    bpm: float, *passages: Passage, before: float = 12, after: float = 6, seed: int = 1
) -> Drift:
    """Measure how the bar drifts in a song of drums, the passages, and drums again for `before` and
    `after` bars."""
    drums = (Passage(plays="drums", bars=before), Passage(plays="drums", bars=after))
    song, times = arrange(bpm, (drums[0], *passages, drums[1]), seed)
    found = listen(song.sound, RATE_HZ)
    hops_s = found.hop_s * np.arange(1, len(found.count) + 1)
    period_s = float(np.median(np.diff(song.beats_s[song.beats_s >= times[-2]])))
    slip = bar_slip(found, song.beats_s[::4], times[1], times[-2] + 3.9 * period_s)
    is_later = (hops_s > times[1]) & (hops_s < song.beats_s[-2])
    true = np.interp(hops_s[is_later], song.beats_s[:-1], 60.0 / np.diff(song.beats_s))
    tempo = found.bpm[is_later] / true
    return Drift(
        slip_ms=1000.0 * float(np.abs(slip).max()) * period_s,
        tempo=(float(tempo.min()), float(tempo.max())),
    )


def bar_slip(
    found: TrackedBeats, bars_s: np.ndarray, before_s: float, after_s: float
) -> np.ndarray:
    """Beats, -2..2, by which the tracker's bar is off at each of the true `bars_s` from `after_s`
    on. The reference is where it was in the four bars before `before_s`."""
    at = np.interp(bars_s, found.hop_s * np.arange(1, len(found.count) + 1), found.count)
    known = at[bars_s < before_s][-4:]
    offset = np.angle(np.exp(0.5j * np.pi * known).sum()) / (0.5 * np.pi)
    slip: np.ndarray = (at[bars_s >= after_s] - offset + 2.0) % 4.0 - 2.0
    return slip
