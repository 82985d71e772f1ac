"""The decoder's sine source, and the state that makes windows of a stream agree."""

import pytest
import torch

from engine.models.rvc.source import UNVOICED_NOISE, VOICED_NOISE, RollingNoise, SineSource
from engine.models.seeded import seeded
from tests.support.tiny_voice import tiny_shape

HOP = 480
RATE_HZ = 48_000


@pytest.fixture
def source() -> SineSource:
    """A source whose output equals the input of its merging layer, within a thousandth."""
    made = SineSource(tiny_shape("v2", RATE_HZ)).requires_grad_(False)
    made.l_linear.weight.fill_(0.1)
    made.l_linear.bias.zero_()
    return made


def glide(frames: int) -> torch.Tensor:
    """(1, frames) Hz: a moving voice with an unvoiced part."""
    f0 = 220.0 * 2.0 ** (torch.sin(torch.arange(frames) * 0.1) / 3.0)
    f0[frames // 3 : frames // 2] = 0.0
    return f0[None]


def silence(frames: int) -> torch.Tensor:
    """Zeros instead of noise, (1, 1, frames HOP)."""
    return torch.zeros(1, 1, frames * HOP)


def test_the_phase_is_exact_after_a_minute(source: SineSource) -> None:
    """Within 1e-5 of a turn; a sum in single precision is off by a hundredth."""
    f0 = glide(6000)
    exact = (f0.double() * HOP / RATE_HZ).cumsum(1) % 1.0
    found = source.phases(f0)[:, 1:].double()
    difference = (found - exact + 0.5) % 1.0 - 0.5
    assert difference.abs().max() < 1e-5


def test_noise_is_loud_where_there_is_no_pitch(source: SineSource) -> None:
    """A third of the sine's amplitude; 0.003 in voiced frames."""
    with seeded(0):
        noise = torch.randn(1, 1, 200 * HOP)
    f0 = torch.full((1, 200), 200.0)
    quiet = (source(f0, noise=noise) - source(f0, noise=silence(200))) / 0.1
    loud = source(torch.zeros_like(f0), noise=noise) / 0.1
    assert quiet.std() == pytest.approx(VOICED_NOISE, rel=0.02)
    assert loud.std() == pytest.approx(UNVOICED_NOISE, rel=0.02)


def test_windows_of_a_stream_agree_where_they_overlap(source: SineSource) -> None:
    """Windows of 30 frames, 10 apart: each starts at the phase of the tenth frame of the one before."""
    f0 = glide(100)
    with seeded(0):
        noise = torch.randn(1, 1, 100 * HOP)
    whole = source(f0, noise=noise)
    phase = None
    for first in range(0, 71, 10):
        window = slice(first, first + 30)
        samples = slice(first * HOP, (first + 30) * HOP)
        part = source(f0[:, window], phase, noise[..., samples])
        torch.testing.assert_close(part, whole[..., samples], rtol=0.0, atol=1e-6)
        phase = source.phases(f0[:, window], phase)[:, 10]


def test_a_frame_with_more_samples_has_the_same_number_of_turns(source: SineSource) -> None:
    """Needed for formants: 540 samples per frame at 200 Hz make two turns, as 480 do."""
    sound = source(torch.full((1, 3), 200.0), noise=torch.zeros(1, 1, 3 * 540))[0, 0]
    assert sound.shape == (3 * 540,)
    torch.testing.assert_close(sound[:270], sound[270:540], rtol=0.0, atol=1e-5)
    assert sound[539] == pytest.approx(0.0, abs=1e-6)


def test_noise_that_stays_in_the_window_is_unchanged() -> None:
    rolling = RollingNoise(3, 50, torch.device("cpu"), torch.Generator().manual_seed(0))
    address, before = rolling.values.data_ptr(), rolling.values.clone()
    rolling.advance(20)
    assert torch.equal(rolling.values[..., :30], before[..., 20:])
    assert rolling.values.data_ptr() == address
    new = rolling.values[..., 30:].clone()
    assert not torch.isin(new, before).any()
    rolling.advance(50)
    assert not torch.isin(rolling.values, torch.cat((before, new), 2)).any()
    assert rolling.values.std() == pytest.approx(1.0, abs=0.2)
