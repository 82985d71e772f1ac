"""The engine's stems on songs whose stems are known: what reaches its layer, drum hits, processor
time."""

import time
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from engine.audio.stems import StemSplitter
from engine.jobs.kit.options import option
from tests.benchmarks.beat_score import HOP_S, WITHIN_S, f_measure, listen
from tests.benchmarks.beat_songs import RATE_HZ, SCORES, STEMS, Song, compose_stems
from tests.benchmarks.measuring import Progress

SECONDS: Final = 24.0
COST_RATE_HZ: Final = 48_000
SONGS: Final = tuple(
    replace(SCORES[at], bass=0.3, voice=0.3, pad=0.3, noise=0.0) for at in (0, 2, 3, 9, 11, 15)
)
STRETCH: Final = WITHIN_S / 0.05  # of times, so that the F-measure takes hits within 50 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class StemsBench:
    """Split synthetic songs into drums, bass, voice and rest: fractions of energy, drum hits, CPU
    time."""

    songs: int = option(6, "Synthetic songs.", low=1, high=6, metavar="COUNT")
    seconds: float = option(SECONDS, "Length of each.", low=2, high=60, metavar="SECONDS")


def run(options: StemsBench, progress: Progress) -> dict[str, Any]:
    result = progress.begin({"songs": {}})
    measured = []
    for number, score in enumerate(SONGS[: options.songs]):
        progress("songs", number / options.songs)
        song, stems = compose_stems(score, options.seconds)
        measured.append((energy_fractions(stems), _f_measures(song, stems)))
        result["songs"][score.name] = _figures(*measured[-1])
    result["mean"] = _figures(*(np.mean(each, axis=0) for each in zip(*measured, strict=True)))
    progress("cost", 0.0)
    return result | {"cost": _cost(options.seconds)}


def energy_fractions(stems: np.ndarray) -> np.ndarray:
    """Share of the energy of each true stem (second axis) that each layer (first) gets of the song,
    and share of the energy in each layer that comes from each: (2, 4, 4). The masks of the song are
    applied to each true stem."""
    hop = round(RATE_HZ * HOP_S)
    splitter = StemSplitter(RATE_HZ, hop)
    size = len(splitter.window)
    padded = np.pad(stems, ((0, 0), (size - hop, 0), (0, 0)))
    sounds = np.zeros((len(STEMS), len(STEMS), stems.shape[1] + hop), np.float32)
    for first in range(0, stems.shape[1] - hop + 1, hop):
        # (2, 4, bins)
        frames = np.fft.rfft(padded[:, first : first + size].transpose(2, 0, 1) * splitter.window)
        middles, (left, right) = frames.mean(axis=0), frames.sum(axis=1)
        masks = splitter.masks(0.5 * (left + right), 0.5 * (left - right))
        sounds[..., first : first + 2 * hop] += splitter.synthesise(masks[:, None] * middles)
    energy = (sounds.astype(np.float64) ** 2).sum(axis=2)
    return np.stack([energy / energy.sum(axis=0), energy / energy.sum(axis=1, keepdims=True)])


def split(mix: np.ndarray, rate_hz: int) -> np.ndarray:
    """(4, frames) of `mix`, (frames, 2), hop by hop."""
    hop = round(rate_hz * HOP_S)
    splitter = StemSplitter(rate_hz, hop)
    ends = range(hop, len(mix) + 1, hop)
    return np.concatenate([splitter.split(mix[end - hop : end].T) for end in ends], axis=1)


def _f_measures(song: Song, stems: np.ndarray) -> np.ndarray:
    """F-measure of kick and snare within 50 ms, and of the beat, with hits of the mix, of the layer
    of drums, and of the true drums: (3, 3). The beat's flux is always that of the mix."""
    mix, drums = song.sound.mean(axis=1), split(song.sound, RATE_HZ)[0]
    figures = []
    for hit_sound, late_s in ((mix, 0.0), (drums, HOP_S), (stems[0].mean(axis=1), 0.0)):
        found = listen(mix[: len(drums)], RATE_HZ, hit_sound)
        hits = ((song.hits_s[drum], found.hits_s[drum] - late_s) for drum in ("kick", "snare"))
        kick, snare = (
            f_measure(STRETCH * true_s, STRETCH * found_s, 0.0) for true_s, found_s in hits
        )
        figures.append((kick, snare, f_measure(song.beats_s, found.beats_s)))
    return np.array(figures).T


def _figures(fractions: np.ndarray, f_measures: np.ndarray) -> dict[str, Any]:
    rows = dict(
        zip(("in_its_layer", "of_its_layer"), (np.diag(each) for each in fractions), strict=True)
    )
    figures = {
        what: dict(zip(STEMS, row.round(3).tolist(), strict=True)) for what, row in rows.items()
    }
    for of, each in zip(("kick", "snare", "beat"), f_measures.round(3).tolist(), strict=True):
        figures[of] = dict(zip(("mix", "stem", "truth"), each, strict=True))
    return figures


def _cost(seconds: float) -> dict[str, float]:
    sound = (
        np.random.default_rng(1)
        .uniform(-0.5, 0.5, (round(seconds * COST_RATE_HZ), 2))
        .astype(np.float32)
    )
    began_s = time.process_time()
    split(sound, COST_RATE_HZ)
    return {
        "cpu_s_per_second_of_sound": round((time.process_time() - began_s) / seconds, 4),
        "sample_leaves_after_ms_at_most": round(2000 * HOP_S, 1),
    }
