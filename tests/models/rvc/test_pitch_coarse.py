"""Shifting, tuning and quantising a pitch."""

import numpy as np
import torch

from engine.models.rvc.pitch.coarse import autotuned, coarse, shifted


def test_a_pitch_maps_to_the_mel_step_that_rvc_was_trained_with() -> None:
    hz = np.concatenate([[0.0, 30.0, 50.0, 1100.0, 4000.0], np.geomspace(50.0, 1100.0, 500)])
    mel, lowest, highest = (1127.0 * np.log(1.0 + value / 700.0) for value in (hz, 50.0, 1100.0))
    expected = np.rint(np.clip((mel - lowest) * 254.0 / (highest - lowest) + 1.0, 1.0, 255.0)).astype(np.int64)
    steps = coarse(torch.from_numpy(hz.astype(np.float32))[None])
    assert steps.dtype == torch.int64
    assert (steps[0].numpy() == expected).mean() > 0.995, "only float32 on the edge between two steps may differ"
    assert steps[0, :5].tolist() == [1, 1, 1, 255, 255]


def test_an_octave_up_is_twice_the_pitch_and_no_pitch_stays_none() -> None:
    assert shifted(torch.tensor([[220.0, 0.0]]), 12).tolist() == [[440.0, 0.0]]
    assert shifted(torch.tensor([440.0]), torch.tensor(-12.0)).tolist() == [220.0]


def test_autotune_draws_to_the_nearest_semitone() -> None:
    sung = torch.tensor([430.0, 440.0, 452.0, 454.0, 0.0, 82.0])  # 452.9 Hz lies between A and A sharp
    expected = [440.0, 440.0, 440.0, 466.164, 0.0, 82.407]
    np.testing.assert_allclose(autotuned(sung).numpy(), expected, rtol=1e-5)
