"""Stereo music as drums, bass, voice and rest."""

import numpy as np
import pytest
import soundfile

from engine.audio.open import open_audio
from engine.audio.settings import AudioSettings
from engine.audio.stems import StemSplitter
from engine.system.clock import SteppedClock
from tests.benchmarks.beat_songs import RATE_HZ, STEMS, compose_stems
from tests.benchmarks.stems import SONGS, energy_fractions, split

HOP = 441


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    return compose_stems(SONGS[1], 5.0)[1]


def test_most_of_each_instrument_is_in_its_layer_and_most_of_each_layer_is_its_instrument(
    song,
) -> None:
    for at, (reached, own) in enumerate(
        energy_fractions(song).transpose(1, 2, 0)[range(4), range(4)]
    ):
        assert min(reached, own) > 0.6, STEMS[at]
    reached, _ = energy_fractions(np.repeat(song.mean(axis=2, keepdims=True), 2, axis=2))
    assert min(np.diag(reached)[:3]) > 0.6 and reached[2, 3] > 0.5, (
        "of mono the tones are the voice"
    )


def test_the_four_add_up_to_the_sound_of_a_hop_before_and_nothing_is_later(song) -> None:
    mix = song.sum(axis=0)[:RATE_HZ]
    stems = split(mix, RATE_HZ)
    assert np.abs(stems.sum(axis=0)[HOP:] - mix[: stems.shape[1] - HOP].mean(axis=1)).max() < 1e-6
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(200 * HOP) / RATE_HZ)
    voice = split(np.stack([tone, tone], axis=1).astype(np.float32), RATE_HZ)[2]
    assert np.abs(voice[100 * HOP :] - tone[99 * HOP : -HOP]).max() < 0.05, (
        "frames overlap without a seam"
    )
    click = np.zeros((20 * HOP, 2), np.float32)
    click[10 * HOP + 5] = 0.5
    assert np.flatnonzero(np.abs(split(click, RATE_HZ)).max(axis=0) > 0.1).tolist() == [
        11 * HOP + 5
    ]


def test_the_masks_and_windows_alone_keep_the_sound(song) -> None:
    splitter, sound = StemSplitter(RATE_HZ, HOP), song[0, :, 0]
    size, sound_again = len(splitter.window), np.zeros(100 * HOP)
    for first in range(0, 90 * HOP, HOP):
        middle = np.fft.rfft(sound[first : first + size] * splitter.window)
        masks = splitter.masks(middle, 0.3 * middle)
        assert masks.min() >= -1e-6
        sound_again[first : first + 2 * HOP] += splitter.synthesise(middle * masks.sum(axis=0))
    assert np.abs(sound_again[HOP : 90 * HOP] - sound[size - HOP : size + 88 * HOP]).max() < 1e-6


def test_stems_are_the_same_bits_however_the_sound_arrives(song, tmp_path, reports) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, song.sum(axis=0)[: RATE_HZ // 2], RATE_HZ)
    rng, waves = np.random.default_rng(3), []
    for times in (np.array([0.4]), np.sort(rng.uniform(0, 0.4, 60)), np.arange(0.001, 0.4, 0.001)):
        audio = open_audio(str(path), offline=True, clock=SteppedClock(), report=reports)
        audio.settings = AudioSettings(layout="stems")
        for time_s in (*times, 0.4):
            audio.advance_to(float(time_s))
        waves.append(audio.latest_features().waves.tobytes())
        audio.close()
    assert waves[0] == waves[1] == waves[2] and any(waves[0])
