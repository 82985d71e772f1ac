"""Sound at another rate is as soxr makes it, whole or in blocks."""

import numpy as np
import pytest
import soxr
import torch

from engine.models.voice.resample import CROSSINGS, Resampler

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
    (423, 400),  # a throat a semitone smaller, at 40 kHz
]


def noise_below(share: float, count: int, seed: int = 0) -> np.ndarray:
    """(count,) float32: noise up to `share` of the rate, faded in and out."""
    random = np.random.default_rng(seed)
    spectrum = np.zeros(count // 2 + 1, complex)
    filled = int(share * count)
    spectrum[1:filled] = random.normal(size=filled - 1) + 1j * random.normal(size=filled - 1)
    sound = np.fft.irfft(spectrum, count) * np.hanning(count)
    return (0.9 * sound / np.abs(sound).max()).astype(np.float32)


def level_db(sound: np.ndarray | torch.Tensor) -> float:
    return 10.0 * float(np.log10(np.mean(np.square(np.asarray(sound, np.float64))) + 1e-30))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_what_is_in_the_band_is_as_soxr_makes_it(from_hz: int, to_hz: int) -> None:
    sound = noise_below(0.42 * min(from_hz, to_hz) / from_hz, 40_000)
    ours = Resampler(from_hz, to_hz, CPU)(torch.from_numpy(sound)[None])[0].numpy()
    assert len(ours) == -(-40_000 * to_hz // from_hz)
    theirs = soxr.resample(sound, from_hz, to_hz, quality="VHQ")
    count = min(len(ours), len(theirs))
    assert level_db(ours[:count] - theirs[:count]) < level_db(theirs) - 75.0


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    t = np.arange(48_000) / 48_000
    high = torch.from_numpy(np.sin(2 * np.pi * 8_100 * t) * np.hanning(48_000))[None].float()
    assert level_db(Resampler(48_000, 16_000, CPU)(high)) < level_db(high) - 75.0


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_stream_is_the_whole_sound_late_by_what_it_says(from_hz: int, to_hz: int) -> None:
    """Its delay is taken off by filtering: a broken number of samples of the higher rate."""
    resampler = Resampler(from_hz, to_hz, CPU)
    groups = [1, 2, 5, -(-8_000 // resampler.down)]
    sizes = [resampler.down * group for group in groups]
    sound = torch.from_numpy(noise_below(0.42 * min(from_hz, to_hz) / from_hz, sum(sizes)))[None]
    blocks = [resampler.push(block) for block in sound.split(sizes, -1)]
    assert [block.shape[-1] for block in blocks] == [resampler.up * group for group in groups]
    joined = torch.cat(blocks, -1)[0].double().numpy()
    whole = Resampler(from_hz, to_hz, CPU)(sound)[0].double().numpy()
    late = resampler.delay * to_hz / from_hz
    padded = np.concatenate((whole, np.zeros(len(whole))))  # so that nothing comes round
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(len(padded)) * late)
    moved = np.fft.irfft(np.fft.rfft(padded) * turns, len(padded))[: len(whole)]
    inside = slice(int(late) + 1, None)
    assert level_db(joined[inside] - moved[inside]) < -65.0


def test_a_stream_is_the_same_however_it_is_cut() -> None:
    sound = torch.from_numpy(noise_below(0.1, 44_100))[None]
    resampler = Resampler(44_100, 16_000, CPU)
    at_once = resampler.push(sound)
    resampler.reset()
    by_blocks = torch.cat([resampler.push(block) for block in sound.split(441 * 10, -1)], -1)
    torch.testing.assert_close(by_blocks, at_once, rtol=0, atol=1e-6)


def test_the_delay_is_32_samples_of_the_lower_rate() -> None:
    assert Resampler(48_000, 16_000, CPU).delay == CROSSINGS * 3
    assert Resampler(44_100, 16_000, CPU).delay == pytest.approx(88.2)
    assert Resampler(40_000, 48_000, CPU).delay == CROSSINGS


def test_a_batch_is_its_rows_and_a_constant_stays_one() -> None:
    resampler = Resampler(48_000, 40_000, CPU)
    rows = torch.stack([torch.from_numpy(noise_below(0.3, 9_600)), torch.full((9_600,), 0.25)])
    out = resampler(rows)
    torch.testing.assert_close(out[:1], resampler(rows[:1]), rtol=0, atol=1e-6)
    torch.testing.assert_close(out[1, 100:-100], torch.full((7_800,), 0.25), rtol=0, atol=1e-6)


def test_equal_rates_are_nothing_to_do() -> None:
    resampler = Resampler(16_000, 16_000, CPU)
    sound = torch.ones(1, 161)
    assert resampler(sound) is sound and resampler.push(sound) is sound and resampler.delay == 0


def test_a_block_that_would_leave_a_broken_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="a block of 440 samples is not a multiple of 441"):
        Resampler(44_100, 16_000, CPU).push(torch.zeros(1, 440))


def test_rates_without_a_common_factor_are_refused_before_they_fill_the_memory() -> None:
    with pytest.raises(ValueError, match="44101 to 16000 Hz: their common factor is only 1"):
        Resampler(44_101, 16_000, CPU)
