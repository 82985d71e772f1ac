"""Loudness equals RVC's arithmetic written plainly; sound below the gate's threshold is silenced,
and nothing else."""

import numpy as np
import pytest
import torch

from engine.models.rvc.loudness import (
    HOP,
    NoiseGate,
    RunningPoints,
    gate,
    mix_loudness,
    rms_points,
    silence_db,
    spread,
)

CPU = torch.device("cpu")


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
def test_the_rms_over_40_ms_equals_librosas(count: int) -> None:
    sound = noise(count)
    np.testing.assert_allclose(
        rms_points(sound, 160)[0], plain_rms(sound[0].numpy(), 640, 160), rtol=1e-5
    )


@pytest.mark.parametrize("mix", [0.0, 0.25, 0.6, 1.0])
def test_the_output_is_scaled_by_both_loudnesses_at_the_same_moment(mix: float) -> None:
    source, output = noise(16_000 * 4, 1), noise(40_000 * 4, 2)
    mixed = mix_loudness(source, output, 400, mix)[0].double().numpy()
    seconds = np.arange(40_000 * 4) / 40_000
    at = np.arange(401) / 100
    rms_in = np.interp(seconds, at, plain_rms(source[0].numpy(), 640, 160))
    rms_out = np.interp(seconds, at, plain_rms(output[0].numpy(), 1600, 400))
    expected = (
        output[0].double().numpy() * rms_in ** (1 - mix) * np.maximum(rms_out, 1e-3) ** (mix - 1)
    )
    np.testing.assert_allclose(mixed, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mix", [0.0, 0.9, 1.0])
def test_digital_silence_in_is_silence_out_with_any_mix_with_a_soft_beginning_and_end(
    mix: float,
) -> None:
    """The model drones through a pause of half a second."""
    source, output = torch.full((1, 32_000), 0.1), torch.full((1, 80_000), 0.5)
    source[:, 8_000:16_000] = 0.0
    mixed = mix_loudness(source, output, 400, mix)[0]
    voice = mix_loudness(torch.full_like(source, 0.1), output, 400, mix)[0]
    pause = slice(20_000 + 1200, 40_000 - 1200)  # 30 ms: the window's half and a fade
    assert not mixed[pause].any()
    unchanged = torch.cat((torch.arange(20_000 - 800), torch.arange(40_000 + 800, 80_000)))
    torch.testing.assert_close(mixed[unchanged], voice[unchanged], rtol=0, atol=0)
    assert float(mixed.diff().abs().max()) <= 0.5 / 400 * 1.5, "a click"


def test_the_gate_leaves_breath_alone_unless_its_threshold_is_above_it() -> None:
    output = noise(48_000)
    breath = torch.full((1, 16_000), 10 ** (-50 / 20))
    assert bool(mix_loudness(breath, output, 480, 1.0, silence_db(-60.0)).eq(output).all()), (
        "-60 is off"
    )
    assert not mix_loudness(breath, output, 480, 1.0, silence_db(-45.0)).any()
    assert not mix_loudness(breath * 0.03, output, 480, 1.0, silence_db(-60.0)).any()


def test_a_piece_of_the_gain_line_equals_that_of_the_whole() -> None:
    points = rms_points(noise(50_000), 8_000)
    whole = spread(points, 8_000, 60_000)
    assert whole.shape == (1, 60_000)
    torch.testing.assert_close(whole[:, ::8_000][:, :7], points)
    torch.testing.assert_close(whole[:, 48_000:], points[:, 6:].expand(1, 12_000))
    for first, length in ((0, 1), (7_999, 2), (8_000, 8_001), (30_000, 29_000), (59_999, 1)):
        torch.testing.assert_close(
            spread(points, 8_000, length, first), whole[:, first : first + length]
        )


@pytest.mark.parametrize("sizes", [(1, 499, 39_512, 39_512, 489), (500,), (20_000, 20_000), (3,)])
def test_points_of_pieces_equal_those_of_the_whole(sizes: tuple[int, ...]) -> None:
    sound = noise(sum(sizes))
    running = RunningPoints(400)
    for piece in sound[0].split(sizes):
        running.add(piece)
    torch.testing.assert_close(running.points(), rms_points(sound, 400))


def test_a_soft_voice_is_soft_but_near_silence_of_the_model_is_not_boosted() -> None:
    soft = mix_loudness(0.01 * torch.ones(1, 32_000), 0.5 * torch.ones(1, 96_000), 480, 0.0)
    torch.testing.assert_close(soft, torch.full_like(soft, 0.01))
    near = mix_loudness(torch.full((1, 3_200), 0.5), torch.full((1, 9_600), 1e-5), 480, 0.0)
    assert float(near.abs().max()) <= 0.5 / 1e-3 * 1e-5 * 1.001
    assert not mix_loudness(noise(16_000), torch.zeros(1, 48_000), 480, 0.5).any(), (
        "nor silence made infinite"
    )


def speech() -> torch.Tensor:
    """(1, 80 hops): noise at about -15 dBFS from hop 20 to 40, and at -55 elsewhere."""
    torch.manual_seed(0)
    sound = torch.rand(1, 80 * HOP) * 2 - 1
    level = torch.full((80,), 3e-3)
    level[20:40] = 0.3
    return sound * level.repeat_interleave(HOP)


def test_speech_passes_at_once_and_sound_under_the_threshold_is_silenced() -> None:
    sound = speech()
    gated = gate(sound, -40.0)
    assert gated.shape == sound.shape
    assert not gated[:, : 20 * HOP].any()
    assert torch.equal(gated[:, 20 * HOP : 43 * HOP], sound[:, 20 * HOP : 43 * HOP]), (
        "and 30 ms after it"
    )
    assert not gated[:, 44 * HOP :].any()
    assert torch.equal(gate(1e-6 * sound, -60.0), 1e-6 * sound), "at -60 dB it is off"


def test_a_stream_is_gated_like_the_whole_with_any_block_size() -> None:
    sound = speech()
    stream = NoiseGate(HOP, CPU)
    blocks = [
        stream.push(block, -40.0) for block in sound.split([HOP, 24 * HOP, 18 * HOP, 37 * HOP], -1)
    ]
    assert torch.equal(torch.cat(blocks, -1), gate(sound, -40.0))
    stream.reset()
    assert torch.equal(stream.push(sound, -40.0), gate(sound, -40.0))


def test_the_gate_closes_in_a_ramp_of_10_ms() -> None:
    sound = speech()
    sound[:, 40 * HOP :] = 0.005
    closing = gate(sound, -40.0)[0, 43 * HOP : 44 * HOP]
    torch.testing.assert_close(closing, 0.005 * torch.linspace(1, 0, HOP + 1)[1:])
