"""The engine's stems on songs whose stems are known: what reaches its layer, drum hits, processor time."""

import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from engine.audio.stems import StemSplitter
from engine.cli.benches.measuring import Progress
from engine.jobs.kit.options import option
from tests.benchmarks.beat_score import HOP_S, f_measure, listen
from tests.benchmarks.beat_songs import BREAK, DISCO, FOUR, RATE_HZ, ROCK, STEMS, WALTZ, Score, Song, compose_stems

DRUMS: Final = ("kick", "snare")
SECONDS: Final = 24.0
COST_RATE_HZ: Final = 48_000
WITHIN_S: Final = 0.05
SONGS: Final = (
    Score(name="house", pattern=FOUR, bpm=124, bass=0.3, voice=0.25, pad=0.3),
    Score(name="rock", pattern=ROCK, bpm=104, bass=0.3, voice=0.3, pad=0.3),
    Score(name="breakbeat", pattern=BREAK, bpm=168, bass=0.3, voice=0.25, pad=0.25),
    Score(name="sung", pattern=ROCK, bpm=76, bass=0.2, voice=0.6, pad=0.3),
    Score(name="waltz", pattern=WALTZ, bpm=150, bass=0.25, voice=0.3, pad=0.25),
    Score(name="disco", pattern=DISCO, bpm=118, bass=0.3, voice=0.4, pad=0.4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StemsBench:
    """Split synthetic songs into drums, bass, voice and rest: shares of energy, drum hits, CPU time."""

    songs: int = option(6, "Synthetic songs.", low=1, high=6, metavar="COUNT")
    seconds: float = option(SECONDS, "Length of each.", low=2, high=60, metavar="SECONDS")


def run(options: StemsBench, progress: Progress) -> dict[str, Any]:
    result = progress.begin({"songs": {}})
    both = []
    for number, score in enumerate(SONGS[: options.songs]):
        progress("songs", number / options.songs)
        song, stems = compose_stems(score, options.seconds)
        shares = {"stereo": shares_of(stems), "mono": shares_of(mono(stems))}
        both.append(shares)
        result["songs"][score.name] = _named(shares["stereo"]) | {"hits": _hits(song, stems)}
    for kind in both[0]:
        result[kind] = _named(np.mean([shares[kind] for shares in both], axis=0))
    result["hits"] = {
        drum: {
            of: round(float(np.mean([song["hits"][drum][of] for song in result["songs"].values()])), 3)
            for of in ("mix", "stem", "truth")
        }
        for drum in (*DRUMS, "beat")
    }
    progress("cost", 0.0)
    result["cost"] = _cost(options.seconds)
    return result


def mono(stems: np.ndarray) -> np.ndarray:
    """The stems of the song on one channel, as the layout gives it to the splitter."""
    return np.repeat(stems.mean(axis=2, keepdims=True), 2, axis=2)


def shares_of(stems: np.ndarray) -> np.ndarray:
    """Share of the energy of each true stem (second axis) that each layer (first) gets of the song, and share of the
    energy in each layer that comes from each: (2, 4, 4). The masks of the song are applied to each true stem."""
    hop = round(RATE_HZ * HOP_S)
    splitter = StemSplitter(RATE_HZ, hop)
    size = len(splitter.window)
    padded = np.pad(stems, ((0, 0), (size - hop, 0), (0, 0)))
    sounds = np.zeros((len(STEMS), len(STEMS), stems.shape[1] + hop), np.float32)
    for first in range(0, stems.shape[1] - hop + 1, hop):
        frames = np.fft.rfft(padded[:, first : first + size].transpose(2, 0, 1) * splitter.window)  # (2, 4, bins)
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


def _named(shares: np.ndarray) -> dict[str, Any]:
    reached, own = (dict(zip(STEMS, np.round(np.diag(each), 3).tolist(), strict=True)) for each in shares)
    return {"reaches_its_layer": reached, "of_its_layer": own}


def _hits(song: Song, stems: np.ndarray) -> dict[str, dict[str, float]]:
    """F-measure of kick and snare within 50 ms, and of the beat: with the drums of the mix, of the layer of drums, and
    of the true stem. The beat's flux is always that of the mix."""
    mix, drums = song.sound.mean(axis=1), split(song.sound, RATE_HZ)[0]
    found = {
        "mix": listen(mix, RATE_HZ),
        "stem": listen(mix[: len(drums)], RATE_HZ, drums),
        "truth": listen(mix, RATE_HZ, stems[0].mean(axis=1)),
    }
    late_s = {"mix": 0.0, "stem": HOP_S, "truth": 0.0}
    hits = {
        drum: {
            of: round(f_measure(song.hits_s[drum], each.hits_s[drum] - late_s[of], 0.0, within_s=WITHIN_S), 3)
            for of, each in found.items()
        }
        for drum in DRUMS
    }
    return hits | {"beat": {of: round(f_measure(song.beats_s, each.beats_s), 3) for of, each in found.items()}}


def _cost(seconds: float) -> dict[str, float]:
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, (round(seconds * COST_RATE_HZ), 2)).astype(np.float32)
    began_s = time.process_time()
    split(sound, COST_RATE_HZ)
    return {
        "cpu_s_per_second_of_sound": round((time.process_time() - began_s) / seconds, 4),
        "sample_leaves_after_ms_at_most": round(2000 * HOP_S, 1),
    }
