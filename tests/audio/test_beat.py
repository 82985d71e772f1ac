"""The beat of metronomes and synthetic songs whose beats are known."""

import dataclasses
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest

from engine.audio.feed import LoopFeed
from engine.audio.input import AudioInput, OfflineAudio
from tests.benchmarks.beat_score import TrackedBeats, errors_s, f_measure, listen, lock_s
from tests.benchmarks.beat_songs import RATE_HZ, SCORES, Song, clicks, compose
from tests.support.long_form import in_long_form

SCORE = {score.name: score for score in SCORES}
AMBIGUOUS = {"breakbeat": 0.5, "live": 0.85, "halftime": 0.6}
"""Songs that may be counted at half or double tempo; the F-measure of that reading is about
0.67."""


@lru_cache
def track_song(name: str) -> tuple[Song, TrackedBeats]:
    song = compose(SCORE[name])
    return song, listen(song.sound, RATE_HZ)


@pytest.mark.parametrize(
    ("bpm", "later_bpm"),
    [
        (60, 173),
        (128, 142),
        (200, 91),
        *in_long_form(*((bpm, 260 - bpm) for bpm in range(60, 201, 4))),
    ],
)
def test_a_metronome_and_its_change_of_tempo_are_locked_within_four_seconds(
    bpm: float, later_bpm: float
) -> None:
    """Or within five beats, of the slowest."""
    song = clicks(bpm, 16.0, later_bpm=later_bpm, change_s=8.0)
    found = listen(song.sound, RATE_HZ)
    before, after = song.beats_s[song.beats_s < 8.0], song.beats_s[song.beats_s >= 8.0][1:]
    assert lock_s(before, found.beats_s) <= 4.0
    assert lock_s(after, found.beats_s) <= max(4.0, 5.01 * 60.0 / later_bpm)
    assert found.bpm_at(7.5) == pytest.approx(bpm, rel=0.02)
    assert found.bpm_at(15.5) == pytest.approx(later_bpm, rel=0.02)
    settled = np.concatenate([part[part >= part[0] + 4.0] for part in (before, after)])
    assert np.percentile(errors_s(settled, found.beats_s), 95) < 0.025


def test_a_song_keeps_its_beats_at_other_rates_and_levels_through_a_break_and_into_another() -> (
    None
):
    for rate_hz in (8000, 22_050, 96_000):
        times = np.arange(8 * rate_hz) / rate_hz
        sound = (0.5 * np.sin(2 * np.pi * 1000 * times) * np.exp(-(times % 0.5) / 0.005)).astype(
            np.float32
        )
        found = listen(sound, rate_hz)
        assert found.bpm_at(7.5) == pytest.approx(120.0, rel=0.01)
        assert np.median(errors_s(np.arange(4.0, 7.9, 0.5), found.beats_s)) < 0.015
    song, found = track_song("drop")
    assert f_measure(song.beats_s, found.beats_s, 14.0, 22.0) > 0.9, "eight seconds without drums"
    assert found.confidence_at(13.5) > 0.5 > found.confidence_at(18.0)
    assert f_measure(song.beats_s, found.beats_s, 22.0) > 0.95
    assert found.confidence_at(26.0) > 0.5
    song, found = track_song("house")
    assert (
        f_measure(found.beats_s, listen(song.sound * np.float32(10 ** (-30 / 20)), RATE_HZ).beats_s)
        > 0.99
    )
    song, found = track_song("two_songs")
    assert lock_s(song.beats_s[song.beats_s >= 16.0], found.beats_s) <= 4.0
    assert found.bpm_at(22.0) == pytest.approx(95.0, rel=0.02)
    for name in ("house", "sung", "two_songs"):
        jumps = np.abs(np.diff(np.log2(track_song(name)[1].bpm[500:]))) > 0.2
        assert jumps.sum() <= (name == "two_songs"), name


@pytest.mark.parametrize(
    "name",
    [
        "house",
        "breakbeat",
        *in_long_form(
            "sung",
            "techno",
            "rock",
            "halftime",
            "sparse",
            "reverb",
            "pads",
            "waltz",
            "live",
            "quiet",
        ),
        *in_long_form("latin", "shuffle", "drift"),
    ],
)
def test_the_beats_of_a_song_are_found(name: str) -> None:
    song, found = track_song(name)
    assert f_measure(song.beats_s, found.beats_s) > AMBIGUOUS.get(name, 0.9)
    assert np.median(found.confidence[500:]) > 0.5


@pytest.mark.parametrize(
    ("name", "bpm"), [("rock", 70), *in_long_form(("live", 86), ("rock", 90), ("sparse", 62))]
)
def test_a_slow_song_with_eighths_on_the_hats_is_not_counted_twice_as_fast(
    name: str, bpm: float
) -> None:
    """The snares are on 2 and 4; without them the eighths are the beats."""
    song = compose(dataclasses.replace(SCORE[name], bpm=bpm), 20.0, seed=101)
    assert f_measure(song.beats_s, listen(song.sound, RATE_HZ).beats_s, from_s=8.0) > 0.9


@pytest.mark.parametrize("sound", ["silence", "noise", "tone", "chords"])
def test_without_a_rhythm_it_is_unsure(sound: str) -> None:
    times = np.arange(8 * RATE_HZ) / RATE_HZ
    sounds: dict[str, Callable[[], np.ndarray]] = {
        "silence": lambda: np.zeros(len(times)),
        "noise": lambda: 0.1 * np.random.default_rng(2).standard_normal(len(times)),
        "tone": lambda: 0.3 * np.sin(2 * np.pi * 220 * times),
        "chords": lambda: (
            0.1
            * sum(np.sin(2 * np.pi * hz * times) * np.sin(0.7 * times) for hz in (220, 277, 330))
        ),
    }
    found = listen(sounds[sound]().astype(np.float32), RATE_HZ)
    assert found.confidence[300:].max() < 0.3
    assert np.isfinite(found.bpm).all() and len(found.beats_s) > 5, "but the beat never stops"


def beat_of(audio: AudioInput, end_s: float) -> float:
    features = audio.latest_features()
    return (
        features.beat.beat
        + (end_s - features.end_sample / audio.sample_rate_hz) * features.beat.bpm / 60.0
    )


def test_the_published_beat_is_that_of_the_newest_sample() -> None:
    song = clicks(120, 7.0)
    audio = OfflineAudio(LoopFeed(song.sound[:, None], RATE_HZ, "clicks"), "clicks")
    offsets = []
    for beat_s in song.beats_s[7:13]:
        audio.advance_to(float(beat_s))
        beat = beat_of(audio, float(beat_s))
        offsets.append(beat - round(beat))
    features = audio.latest_features()
    assert features.end_s == features.end_sample / RATE_HZ, (
        "offline, sound and clock start together"
    )
    assert np.abs(offsets).max() * 0.5 < 0.025
