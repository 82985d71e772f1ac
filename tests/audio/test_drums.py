"""Kick, snare and hat hits in synthetic songs whose hits are known."""

from functools import lru_cache

import numpy as np
import pytest

from tests.benchmarks.beat_score import listen
from tests.benchmarks.beat_songs import RATE_HZ, SCORES, compose
from tests.support.long_form import in_long_form

PROMPT_S = 0.045


@lru_cache
def hits(name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The true hits and the detected hits of 16 s of a song, without the first second."""
    (score,) = [score for score in SCORES if score.name == name]
    song = compose(score, 16.0)
    found = listen(song.sound, RATE_HZ).hits_s
    return {drum: at[at > 1.0] for drum, at in song.hits_s.items()}, {
        drum: at[at > 1.0] for drum, at in found.items()
    }


def recall_and_precision(true_s: np.ndarray, found_s: np.ndarray) -> tuple[float, float]:
    delays = found_s[None, :] - true_s[:, None]
    is_same = (delays > -0.005) & (delays < PROMPT_S)
    return float(is_same.any(axis=1).mean()), float(is_same.any(axis=0).mean()) if len(
        found_s
    ) else 0.0


@pytest.mark.parametrize(
    "name", ["house", "sung", *in_long_form("rock", "live", "reverb", "pads", "quiet", "sparse")]
)
def test_kick_and_snare_are_detected_at_once_and_not_confused(name: str) -> None:
    true, found = hits(name)
    for drum in ("kick", "snare"):
        recall, precision = recall_and_precision(true[drum], found[drum])
        assert recall > 0.75 and precision > 0.8, drum


@pytest.mark.parametrize("name", ["house", *in_long_form("techno", "latin")])
def test_hats_are_detected_unless_a_snare_covers_them(name: str) -> None:
    true, found = hits(name)
    covered = np.abs(true["hat"][:, None] - true["snare"][None, :]).min(axis=1, initial=1.0) < 0.01
    recall, _ = recall_and_precision(true["hat"][~covered], found["hat"])
    _, precision = recall_and_precision(true["hat"], found["hat"])
    assert recall > 0.85 and precision > 0.9


def test_bass_lines_pads_and_voices_are_not_drums_and_hits_are_the_same_30_db_lower() -> None:
    times = np.arange(8 * RATE_HZ) / RATE_HZ
    within = times % 0.4
    bass = (
        0.5
        * np.sin(2 * np.pi * 65 * times)
        * np.minimum(1.0, within / 0.006)
        * np.exp(-within / 0.2)
    )
    pad = (
        0.1
        * sum(np.sin(2 * np.pi * hz * times) for hz in (220.0, 277.2, 329.6))
        * (1 - np.cos(1.5 * times))
    )
    voice = (
        0.2
        * sum(np.sin(2 * np.pi * 200 * k * times) / k for k in range(1, 20))
        * np.minimum(1.0, within / 0.06)
    )
    voice *= np.minimum(1.0, (0.4 - within) / 0.06)
    for sound in (bass, pad, voice, bass + pad):
        assert (
            sum(
                len(at[at > 1.0])
                for at in listen(sound.astype(np.float32), RATE_HZ).hits_s.values()
            )
            == 0
        )
    (score,) = [score for score in SCORES if score.name == "house"]
    sound = compose(score, 8.0).sound
    loud, quiet = listen(sound, RATE_HZ).hits_s, listen(sound * np.float32(0.0316), RATE_HZ).hits_s
    for drum, at in loud.items():
        assert len(at) > 5 and at[at > 1.0].tolist() == quiet[drum][quiet[drum] > 1.0].tolist()
