"""YIN on sounds of known pitch, and on speech against a network."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from torch import Tensor

from engine.models.rvc.pitch import HOP, RATE_HZ
from engine.models.rvc.pitch.fcpe import Fcpe
from engine.models.rvc.pitch.yin import Yin
from tests.support.needed import needs

CPU = torch.device("cpu")
SPOKEN = Path("/usr/share/sounds/alsa")


@pytest.fixture(scope="module")
def yin() -> Yin:
    return Yin(CPU)


def voice(f0_hz: np.ndarray, level: float = 0.2) -> Tensor:
    """A voice (1, n) from (n,) Hz, one per sample: all harmonics below 7.9 kHz, with amplitude 1 /
    number."""
    phase = 2.0 * np.pi * np.cumsum(f0_hz) / RATE_HZ
    partials = range(1, int(7900 / f0_hz.max()) + 1)
    return torch.from_numpy(
        sum(level * np.sin(k * phase) / k for k in partials).astype(np.float32)
    )[None]


def cents(found: Tensor, hz: np.ndarray | float) -> np.ndarray:
    return 1200.0 * np.log2(np.maximum(found.numpy(), 1.0) / hz)


def noise(seconds: float, seed: int = 0) -> Tensor:
    samples = np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ))
    return torch.from_numpy(0.1 * samples.astype(np.float32))[None]


@pytest.mark.parametrize("is_pure", [True, False], ids=["sine", "voice"])
def test_a_tone_is_found_within_a_cent_from_the_first_frame_to_the_last(
    yin: Yin, is_pure: bool
) -> None:
    tones = [
        50.0,
        52.3,
        65.4,
        82.41,
        110.0,
        155.6,
        220.0,
        333.3,
        440.0,
        587.3,
        698.5,
        880.0,
        1046.5,
        1099.0,
    ]
    times = np.arange(RATE_HZ // 2) / RATE_HZ
    sounds = [
        torch.from_numpy(0.3 * np.sin(2 * np.pi * hz * times)).float()[None]
        if is_pure
        else voice(np.full(len(times), hz))
        for hz in tones
    ]
    found = yin.track(torch.cat(sounds))
    assert found.shape == (len(tones), len(times) // HOP)
    assert found.dtype == torch.float32
    for row, hz in zip(found, tones, strict=True):
        assert np.abs(cents(row, hz)).max() < 1.0, hz


def test_a_glide_and_a_vibrato_are_tracked_without_delay(yin: Yin) -> None:
    seconds = np.arange(2 * RATE_HZ) / RATE_HZ
    glides = [
        250.0 * 2.0 ** (octaves_a_second * (seconds - 1.0) / 2.0)
        for octaves_a_second in (1.0, -1.0, 3.0, -3.0)
    ]
    # 50 cents either way, six times per second
    vibrato = 330.0 * 2.0 ** (np.sin(2 * np.pi * 6.0 * seconds) / 24.0)
    for f0 in (*glides, vibrato):
        away = cents(yin.track(voice(f0))[0], f0[::HOP])[5:-5]
        assert np.abs(away).max() < 15.0
        assert abs(away.mean()) < 1.0, "a frame late would be 6 or 18 cents, always to one side"


def test_a_voice_without_its_fundamental_keeps_its_pitch(yin: Yin) -> None:
    times = np.arange(RATE_HZ) / RATE_HZ
    telephone = sum(np.sin(2 * np.pi * 140.0 * k * times) / k for k in range(3, 24))
    assert (
        np.abs(cents(yin.track(torch.from_numpy(0.2 * telephone).float()[None])[0], 140.0)).max()
        < 2.0
    )


def test_silence_noise_and_an_inaudible_hum_have_no_pitch(yin: Yin) -> None:
    assert not yin.track(torch.zeros(2, RATE_HZ)).any()
    assert not yin.track(torch.full((1, RATE_HZ), 0.5)).any(), "an offset"
    assert not yin.track(1e-5 * voice(np.full(RATE_HZ, 100.0))).any()
    assert (yin.track(noise(20.0)) > 0).float().mean() < 0.001
    rumble = noise(20.0)[0].numpy()
    for index in range(1, len(rumble)):  # most of its power under 100 Hz
        rumble[index] += 0.97 * rumble[index - 1]
    assert (yin.track(torch.from_numpy(rumble)[None]) > 0).float().mean() < 0.01


@pytest.mark.parametrize("samples", [0, 159, 160, 319, 320, 800, 1439, 1440, 1600, 4000])
def test_short_sounds_give_a_frame_for_every_ten_milliseconds(yin: Yin, samples: int) -> None:
    found = yin.track(voice(np.full(max(samples, 1), 400.0))[:, :samples])
    assert found.shape == (1, samples // HOP)
    if samples >= 800:  # 20 periods
        assert np.abs(cents(found[0], 400.0)).max() < 2.0


@needs("FCPE")
def test_the_pitch_of_speech_equals_that_of_a_network(
    yin: Yin, require: Callable[[object, str], None]
) -> None:
    files = sorted(SPOKEN.glob("*_*.wav"))
    require(files, "spoken words")
    fcpe = Fcpe(CPU, torch.float32)
    hers, ours = [], []
    for file in files:
        recorded, rate = soundfile.read(file, dtype="float32")
        sound = torch.from_numpy(soxr.resample(recorded, rate, RATE_HZ))[None]
        hers.append(fcpe.track(sound)[0])
        ours.append(yin.track(sound)[0])
    theirs, own = torch.cat(hers).numpy(), torch.cat(ours).numpy()
    both = (theirs > 0) & (own > 0)
    apart = np.abs(1200.0 * np.log2(own[both] / theirs[both]))
    assert (apart < 50.0).mean() > 0.96
    assert (apart > 1000.0).mean() < 0.002, "octaves"
    assert both.sum() / (theirs > 0).sum() > 0.93
    assert ((own > 0) & (theirs == 0)).sum() / (theirs == 0).sum() < 0.05


def test_nan_samples_only_affect_the_frames_around_them(yin: Yin) -> None:
    sound = voice(np.full(RATE_HZ, 200.0))
    expected = yin.track(sound)
    sound[0, 8000] = math.nan
    found = yin.track(sound)
    assert found.isfinite().all()
    assert torch.equal(found[0, :44], expected[0, :44])
    assert torch.equal(found[0, 57:], expected[0, 57:])
