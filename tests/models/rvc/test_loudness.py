"""Loudness of the converted voice, compared with RVC's arithmetic written plainly."""

import numpy as np
import pytest
import torch

from engine.models.rvc.loudness import (
    RunningPoints,
    gains,
    mix_loudness,
    mix_loudness_live,
    point_hop,
    rms_points,
    spread,
)

torch.set_num_threads(1)


def noise(count: int, seed: int = 0) -> torch.Tensor:
    """A sound (1, count) that swells and fades."""
    random = np.random.default_rng(seed)
    swell = 0.3 + 0.25 * np.sin(np.arange(count) / count * 7 + seed)
    return torch.from_numpy((random.uniform(-1, 1, count) * swell).astype(np.float32))[None]


def plain_rms(sound: np.ndarray, window: int, hop: int) -> np.ndarray:
    """librosa.feature.rms according to its documentation: centred frames, zeros beyond the ends."""
    padded = np.pad(sound.astype(np.float64), window // 2)
    starts = range(0, len(padded) - window + 1, hop)
    return np.array([np.sqrt(np.mean(padded[start : start + window] ** 2)) for start in starts])


@pytest.mark.parametrize("count", [16_000 * 3, 16_000 * 3 + 7_999, 8_000, 100])
def test_the_rms_over_a_second_equals_librosas(count: int) -> None:
    sound = noise(count)
    np.testing.assert_allclose(rms_points(sound, 8_000)[0], plain_rms(sound[0].numpy(), 16_000, 8_000), rtol=1e-5)
    np.testing.assert_allclose(rms_points(sound, 160, 4)[0], plain_rms(sound[0].numpy(), 640, 160), rtol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.6])
def test_the_output_is_scaled_by_both_loudnesses_at_the_same_moment(share: float) -> None:
    source, output = noise(16_000 * 4, 1), noise(40_000 * 4, 2)
    mixed = mix_loudness(source, output, 16_000, 40_000, share)[0].double().numpy()
    seconds = np.arange(40_000 * 4) / 40_000
    at = np.arange(9) / 2
    rms_in = np.interp(seconds, at, plain_rms(source[0].numpy(), 16_000, 8_000))
    rms_out = np.interp(seconds, at, plain_rms(output[0].numpy(), 40_000, 20_000))
    expected = output[0].double().numpy() * rms_in ** (1 - share) * np.maximum(rms_out, 1e-6) ** (share - 1)
    np.testing.assert_allclose(mixed, expected, rtol=1e-4, atol=1e-6)


def test_the_models_own_loudness_leaves_the_output_unchanged() -> None:
    output = noise(40_000)
    assert mix_loudness(noise(16_000), output, 16_000, 40_000, 1.0) is output


def test_a_soft_voice_is_soft_in_the_other_voice_too() -> None:
    source, output = 0.01 * torch.ones(1, 32_000), 0.5 * torch.ones(1, 96_000)
    mixed = mix_loudness(source, output, 16_000, 48_000, 0.0)
    torch.testing.assert_close(mixed, torch.full_like(mixed, 0.01))


def test_silence_in_is_silence_out_and_silence_of_the_model_stays_finite() -> None:
    silence, sound = torch.zeros(1, 16_000), noise(48_000)
    assert not mix_loudness(silence, sound, 16_000, 48_000, 0.0).any()
    assert bool(mix_loudness(noise(16_000), torch.zeros(1, 48_000), 16_000, 48_000, 0.5).eq(0).all())


def test_a_piece_of_the_gain_line_equals_that_of_the_whole() -> None:
    points = rms_points(noise(50_000), 8_000)
    whole = spread(points, 8_000, 60_000)
    assert whole.shape == (1, 60_000)
    torch.testing.assert_close(whole[:, ::8_000][:, :7], points)
    torch.testing.assert_close(whole[:, 48_000:], points[:, 6:].expand(1, 12_000))
    for first, length in ((0, 1), (7_999, 2), (8_000, 8_001), (30_000, 29_000), (59_999, 1)):
        torch.testing.assert_close(spread(points, 8_000, length, first), whole[:, first : first + length])


@pytest.mark.parametrize("sizes", [(1, 499, 39_512, 39_512, 489), (500,), (20_000, 20_000)])
def test_points_of_pieces_equal_those_of_the_whole(sizes: tuple[int, ...]) -> None:
    sound = noise(sum(sizes))
    running = RunningPoints(40_000)
    for piece in sound.split(sizes, -1):
        running.add(piece)
    torch.testing.assert_close(running.points(torch.device("cpu")), rms_points(sound, point_hop(40_000)))


def test_a_live_block_takes_the_loudness_of_the_voice_within_10_ms() -> None:
    """The input has sound in its second half only; the model produces sound all the time."""
    source, output = torch.zeros(1, 160 * 40), torch.full((1, 480 * 40), 0.5)
    source[:, 160 * 20 :] = 0.1
    mixed = mix_loudness_live(source, output, 480, 0.0)[0]
    assert not mixed[: 480 * 18].any() and mixed[480 * 18 + 1 : 480 * 19].all(), "silent until the window touches it"
    torch.testing.assert_close(mixed[480 * 22 : 480 * 38], torch.full((480 * 16,), 0.1))


def test_near_silence_of_the_model_is_not_boosted_in_a_live_block() -> None:
    loud, hardly = torch.tensor([[0.5]]), torch.tensor([[1e-5]])
    mixed = mix_loudness_live(torch.full((1, 3_200), 0.5), torch.full((1, 9_600), 1e-5), 480, 0.0)
    assert float(mixed.abs().max()) <= 0.5 / 1e-3 * 1e-5 * 1.001
    assert float(gains(loud, hardly, 0.0)) == pytest.approx(0.5 / 1e-5)
