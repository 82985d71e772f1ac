"""Sound below the threshold is silenced, and nothing else."""

import pytest
import torch

from engine.models.rvc.loudness import HOP, NoiseGate, gate

torch.set_num_threads(1)

CPU = torch.device("cpu")


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
    assert torch.equal(gated[:, 20 * HOP : 43 * HOP], sound[:, 20 * HOP : 43 * HOP]), "and 30 ms after it"
    assert not gated[:, 44 * HOP :].any()


def test_the_gate_closes_in_a_ramp_of_10_ms() -> None:
    sound = speech()
    sound[:, 40 * HOP :] = 0.005
    closing = gate(sound, -40.0)[0, 43 * HOP : 44 * HOP]
    torch.testing.assert_close(closing, 0.005 * torch.linspace(1, 0, HOP + 1)[1:])


@pytest.mark.parametrize("threshold_db", [-60.0, torch.tensor(-60.0)])
def test_at_minus_60_dB_the_gate_is_off(threshold_db: torch.Tensor | float) -> None:
    sound = 1e-6 * speech()
    assert torch.equal(gate(sound, threshold_db), sound)


def test_a_stream_is_gated_like_the_whole_with_any_block_size() -> None:
    sound = speech()
    stream = NoiseGate(HOP, CPU)
    blocks = [stream.push(block, torch.tensor(-40.0)) for block in sound.split([HOP, 24 * HOP, 18 * HOP, 37 * HOP], -1)]
    assert torch.equal(torch.cat(blocks, -1), gate(sound, -40.0))
    stream.reset()
    assert torch.equal(stream.push(sound, -40.0), gate(sound, -40.0))


def test_a_sound_need_not_be_whole_frames_but_a_block_must() -> None:
    assert gate(torch.ones(2, HOP + 7), -20.0).eq(1).all()
    with pytest.raises(ValueError, match="a block of 100 samples is not a multiple of 160"):
        NoiseGate(HOP, CPU).push(torch.ones(1, 100), -20.0)
