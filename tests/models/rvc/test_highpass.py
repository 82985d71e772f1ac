"""The high-pass equals SciPy's filtfilt."""

import numpy as np
import pytest
import torch
from scipy import signal

from engine.models.rvc.highpass import MEMORY, REACH, ROW, high_pass, high_pass_on_host

torch.set_num_threads(1)

RATE_HZ = 16_000


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


def test_filtering_on_the_host_equals_scipys_in_double_precision() -> None:
    sound = rumbling(50_000)
    ours = high_pass_on_host(sound)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, scipys(sound), atol=1e-7)


def test_a_batch_equals_its_rows() -> None:
    rows = torch.from_numpy(np.stack([rumbling(20_000, seed) for seed in (1, 2)]))
    torch.testing.assert_close(high_pass(rows), torch.cat([high_pass(row[None]) for row in rows]), rtol=0, atol=1e-6)


def test_rumble_is_removed_and_the_voice_stays() -> None:
    t = torch.arange(RATE_HZ * 2) / RATE_HZ
    middle = slice(RATE_HZ // 2, -RATE_HZ // 2)
    rumble, voice = (torch.sin(2 * torch.pi * f * t)[None] for f in (20.0, 200.0))
    assert high_pass(rumble)[0, middle].abs().max() < 1e-3
    torch.testing.assert_close(high_pass(voice)[0, middle], voice[0, middle], rtol=0, atol=1e-4)


def test_pieces_with_their_context_equal_the_whole() -> None:
    sound = torch.from_numpy(rumbling(60_000))[None]
    whole = high_pass(sound)
    piece = high_pass(sound[:, 20_000 - REACH : 30_000 + REACH])[:, REACH:-REACH]
    torch.testing.assert_close(piece, whole[:, 20_000:30_000], rtol=0, atol=2e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 18])
def test_sounds_too_short_for_scipy_keep_their_length(count: int) -> None:
    ours = high_pass(torch.from_numpy(rumbling(count))[None])
    assert ours.shape == (1, count) and bool(ours.isfinite().all())
