"""Resampling equals soxr's, whole or in parts."""

import numpy as np
import pytest
import soxr
import torch

from engine.models.rvc.resample import Resampler

torch.set_num_threads(1)

CPU = torch.device("cpu")
RATES = [
    (48_000, 16_000),
    (44_100, 16_000),
    (22_050, 16_000),
    (8_000, 16_000),
    (192_000, 16_000),
    (40_000, 48_000),
    (40_000, 44_100),
    (423, 400),  # a formant of one semitone, at 40 kHz
]


def noise_below(share: float, count: int, seed: int = 0) -> np.ndarray:
    """Noise (count,) float32 up to `share` of the rate, faded in and out."""
    random = np.random.default_rng(seed)
    spectrum = np.zeros(count // 2 + 1, complex)
    filled = int(share * count)
    spectrum[1:filled] = random.normal(size=filled - 1) + 1j * random.normal(size=filled - 1)
    sound = np.fft.irfft(spectrum, count) * np.hanning(count)
    return (0.9 * sound / np.abs(sound).max()).astype(np.float32)


def level_db(sound: np.ndarray | torch.Tensor) -> float:
    return 10.0 * float(np.log10(np.mean(np.square(np.asarray(sound, np.float64))) + 1e-30))


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
    assert level_db(Resampler(48_000, 16_000, CPU)(high)) < level_db(high) - 75.0


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


def test_a_batch_equals_its_rows_and_a_constant_stays_constant() -> None:
    resampler = Resampler(48_000, 40_000, CPU)
    rows = torch.stack([torch.from_numpy(noise_below(0.3, 9_600)), torch.full((9_600,), 0.25)])
    out = resampler(rows)
    torch.testing.assert_close(out[:1], resampler(rows[:1]), rtol=0, atol=1e-6)
    torch.testing.assert_close(out[1, 100:-100], torch.full((7_800,), 0.25), rtol=0, atol=1e-6)


def test_equal_rates_return_the_sound_itself() -> None:
    resampler = Resampler(16_000, 16_000, CPU)
    sound = torch.ones(1, 161)
    assert resampler(sound) is sound and resampler.reach == 0


def test_rates_without_a_common_factor_are_refused_before_they_fill_the_memory() -> None:
    with pytest.raises(ValueError, match="44101 to 16000 Hz: their common factor is only 1"):
        Resampler(44_101, 16_000, CPU)
