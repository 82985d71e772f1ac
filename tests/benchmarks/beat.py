"""The beat tracker on material with known beats: how soon, how exactly, how often right, and what
it costs. And the reader of timecode (timecode.py)."""

import math
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from engine.audio.analyser import Analyser
from engine.audio.settings import AudioSettings
from engine.jobs.kit.options import option
from tests.benchmarks import timecode
from tests.benchmarks.beat_passages import Passage, measure_bar
from tests.benchmarks.beat_score import HOP_S, errors_s, f_measure, listen, lock_s
from tests.benchmarks.beat_songs import RATE_HZ, SCORES, clicks, compose
from tests.benchmarks.measuring import Progress

CLICKS_S: Final = 20.0
CHANGE_S: Final = 10.0
LOCKED_S: Final = 4.0
COST_S: Final = 20.0
STABLE_MS: Final = 30.0
INTERRUPTIONS: Final = (
    *((plays, (4, 8, 16)) for plays in ("silence", "pads", "voice", "riser", "halftime")),
    ("fill", (1,)),
    ("drums", (0.5,)),  # a loop that cuts the bar in half
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatBench:
    """Track the beat of metronomes and synthetic songs: time to lock, phase error, F-measure, CPU
    time. And read timecode from sound: share of frames, CPU time."""

    tempos: int = option(
        29, "Metronomes between 60 and 200 beats per minute.", low=2, high=141, metavar="COUNT"
    )
    songs: int = option(17, "Synthetic songs.", low=1, high=17, metavar="COUNT")
    passages: int = option(7, "What interrupts a song.", low=0, high=7, metavar="COUNT")


def run(options: BeatBench, progress: Progress) -> dict[str, Any]:
    """Times in seconds, or ms where the name says so."""
    result = progress.begin({"clicks": _clicks(options.tempos, progress)})
    result["songs"] = _songs(options.songs, progress)
    result["passages"] = _passages(options.passages, progress)
    result["cost"] = _cost(progress)
    result["timecode"] = timecode.measure(progress)
    return result


def _clicks(tempos: int, progress: Progress) -> dict[str, Any]:
    """Metronomes from 60 to 200, each with a change of tempo after 10 s."""
    rng = np.random.default_rng(1)
    locks, errors = [], []
    for number in range(tempos):
        progress("metronomes", number / tempos)
        bpm = 60.0 + 140.0 * number / max(1, tempos - 1)
        song = clicks(bpm, CLICKS_S, later_bpm=float(rng.uniform(60.0, 200.0)), change_s=CHANGE_S)
        found = listen(song.sound, RATE_HZ)
        for part in (
            song.beats_s[song.beats_s < CHANGE_S],
            song.beats_s[song.beats_s >= CHANGE_S][1:-1],
        ):
            locks.append(lock_s(part, found.beats_s))
            errors += errors_s(part[part >= part[0] + LOCKED_S], found.beats_s).tolist()
    return {
        "metronomes": 2 * tempos,
        "lock_s_p50": round(float(np.median(locks)), 2),
        "lock_s_max": round(max(locks), 2),
        "locked_within_4_s": sum(lock <= LOCKED_S for lock in locks),
        "phase_error_ms_p95": round(1000.0 * float(np.percentile(errors, 95)), 1),
    }


def _songs(songs: int, progress: Progress) -> dict[str, Any]:
    measures = {}
    for number, score in enumerate(SCORES[:songs]):
        progress("songs", number / songs)
        song = compose(score)
        measures[score.name] = round(
            f_measure(song.beats_s, listen(song.sound, RATE_HZ).beats_s), 3
        )
    return {
        "f_measure_mean": round(math.fsum(measures.values()) / len(measures), 3),
        "f_measure": measures,
    }


def _passages(passages: int, progress: Progress) -> dict[str, Any]:
    """Songs at 124, 128 and 136 in which each passage plays for each of its lengths between
    drums."""
    measures = {}
    for number, (plays, lengths) in enumerate(INTERRUPTIONS[:passages]):
        progress("passages", number / passages)
        results = [
            measure_bar(bpm, Passage(plays=plays, bars=bars))
            for bpm in (124, 128, 136)
            for bars in lengths
        ]
        measures[plays] = {
            "songs": len(results),
            "bar_kept_within_30_ms": sum(each.slip_ms <= STABLE_MS for each in results),
            "bar_slip_ms_max": round(max(each.slip_ms for each in results), 1),
            "tempo_min": round(min(each.tempo[0] for each in results), 3),
            "tempo_max": round(max(each.tempo[1] for each in results), 3),
        }
    return measures


def _cost(progress: Progress) -> dict[str, float]:
    """CPU time of a hop: of beat and drums alone, and of the whole analysis of a stereo sound."""
    progress("cost", 0.0)
    sound = compose(SCORES[0], COST_S).sound
    hops = round(COST_S / HOP_S)
    started_s = time.process_time()
    listen(sound, RATE_HZ)
    beat_ms = 1000.0 * (time.process_time() - started_s) / hops
    analyser, settings = Analyser(RATE_HZ), AudioSettings()
    stereo = np.repeat(sound[:, None], 2, axis=1)
    started_s = time.process_time()
    for number in range(hops):
        analyser.hop(
            stereo[number * analyser.hop_frames : (number + 1) * analyser.hop_frames], settings
        )
    analysis_ms = 1000.0 * (time.process_time() - started_s) / hops
    return {
        "beat_cpu_ms_per_hop": round(beat_ms, 3),
        "beat_cpu_ms_per_frame_at_30_fps": round(beat_ms / HOP_S / 30.0, 3),
        "analysis_cpu_ms_per_hop": round(analysis_ms, 3),
    }
