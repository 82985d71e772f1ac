"""The analysed channels' past: samples and their running sums."""

import numpy as np
import pytest

from engine.audio.window import History


def test_samples_and_sums_stay_exact_after_many_slides() -> None:
    history = History(1000)
    rng = np.random.default_rng(1)
    sound = rng.uniform(-1, 1, (4, 30_000)).astype(np.float32) + np.float32(0.25)
    for first in range(0, 30_000, 10):
        history.append(sound[:, first : first + 10])
    assert np.array_equal(history.latest(1300), sound[:, -1300:])
    for frames in (1, 7, 1299):
        summed = history.sums[:, history.end] - history.sums[:, history.end - frames]
        assert summed == pytest.approx(sound[:, -frames:].sum(axis=1, dtype=np.float64), abs=1e-9)
    assert np.abs(history.sums[:, : history.end + 1]).max() < 5200  # would not grow in a day either


def test_before_the_first_sound_there_is_silence() -> None:
    history = History(48_000)
    history.append(np.ones((4, 480), np.float32))
    assert history.latest(4096)[:, :-480].max() == 0.0
    assert history.latest(480).min() == 1.0
