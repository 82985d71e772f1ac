"""Resampling equals soxr's, whole or in parts, and the high-pass SciPy's filtfilt."""

import numpy as np
import pytest
import soxr
import torch
from scipy import signal

from engine.models.rvc.highpass import MEMORY, REACH, ROW, high_pass
from engine.models.rvc.resample import Resampler
from tests.models.rvc.streaming import level_db
from tests.support.cases import cases_of

CPU = torch.device("cpu")
RATES: list[list[int]] = cases_of(__file__)["rates"]
RATE_HZ = 16_000


def noise_below(fraction: float, count: int, seed: int = 0) -> np.ndarray:
    """Noise (count,) float32 up to `fraction` of the rate, faded in and out."""
    random = np.random.default_rng(seed)
    spectrum = np.zeros(count // 2 + 1, complex)
    filled = int(fraction * count)
    spectrum[1:filled] = random.normal(size=filled - 1) + 1j * random.normal(size=filled - 1)
    sound = np.fft.irfft(spectrum, count) * np.hanning(count)
    return (0.9 * sound / np.abs(sound).max()).astype(np.float32)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_the_passband_equals_soxr(from_hz: int, to_hz: int) -> None:
    sound = noise_below(0.42 * min(from_hz, to_hz) / from_hz, 40_000)
    ours = Resampler(from_hz, to_hz, CPU)(torch.from_numpy(sound)[None])[0].numpy()
    assert len(ours) == -(-40_000 * to_hz // from_hz)
    theirs = soxr.resample(sound, from_hz, to_hz, quality="VHQ")
    count = min(len(ours), len(theirs))
    assert level_db(ours[:count] - theirs[:count]) < level_db(theirs) - 75.0


def test_frequencies_above_the_lower_rate_are_removed() -> None:
    t = np.arange(48_000) / 48_000
    high = torch.from_numpy(np.sin(2 * np.pi * 8_100 * t) * np.hanning(48_000))[None].float()
    assert level_db(Resampler(48_000, 16_000, CPU)(high).numpy()) < level_db(high.numpy()) - 75.0


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_part_with_its_context_equals_that_part_of_the_whole(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz, CPU)
    down, up = resampler.down, resampler.up
    around = -(-resampler.reach // down)
    first, last = 3 * around, 3 * around + 7
    whole = torch.from_numpy(noise_below(0.4, (last + 3 * around) * down))[None]
    part = resampler(whole[:, (first - around) * down : (last + around) * down])
    expected = resampler(whole)[:, first * up : last * up]
    torch.testing.assert_close(part[:, around * up : -around * up], expected, rtol=0, atol=1e-6)


def test_equal_rates_return_the_sound_itself_and_rates_without_a_common_factor_are_refused() -> (
    None
):
    """Their weights would fill the memory."""
    resampler, sound = Resampler(16_000, 16_000, CPU), torch.ones(1, 161)
    assert resampler(sound) is sound and resampler.reach == 0
    with pytest.raises(ValueError, match="44101 to 16000 Hz: their common factor is only 1"):
        Resampler(44_101, 16_000, CPU)


def scipys(sound: np.ndarray) -> np.ndarray:
    return signal.filtfilt(*signal.butter(5, 48, "high", fs=RATE_HZ), sound.astype(np.float64))


def rumbling(count: int, seed: int = 0) -> np.ndarray:
    """Noise on a slow wave that does not end at zero."""
    t = np.arange(count) / RATE_HZ
    noise = np.random.default_rng(seed).uniform(-0.3, 0.3, count)
    return (0.4 + 0.3 * np.sin(2 * np.pi * 20 * t) + noise).astype(np.float32)


@pytest.mark.parametrize("count", [19, 160, ROW - MEMORY - 36, ROW - MEMORY - 35, 20_000, 100_003])
def test_filtering_equals_scipys_to_the_last_sample(count: int) -> None:
    sound = rumbling(count)
    ours = high_pass(torch.from_numpy(sound)[None])
    assert ours.shape == (1, count) and ours.dtype == torch.float32
    np.testing.assert_allclose(ours[0], scipys(sound), atol=1e-5)


def test_pieces_with_their_context_equal_the_whole() -> None:
    sound = torch.from_numpy(rumbling(60_000))[None]
    whole = high_pass(sound)
    piece = high_pass(sound[:, 20_000 - REACH : 30_000 + REACH])[:, REACH:-REACH]
    torch.testing.assert_close(piece, whole[:, 20_000:30_000], rtol=0, atol=2e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 18])
def test_sounds_too_short_for_scipy_keep_their_length(count: int) -> None:
    ours = high_pass(torch.from_numpy(rumbling(count))[None])
    assert ours.shape == (1, count) and bool(ours.isfinite().all())
