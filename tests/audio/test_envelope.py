"""The envelope follower."""

import numpy as np
import pytest

from engine.audio.levels import EnvelopeFollower

RATE_HZ = 48_000
DECAYS_MS = (10.0, 100.0, 1000.0, 10_000.0)


def by_the_sample(loudness: np.ndarray, decay_ms: float) -> float:
    """The recursion as in the paper."""
    fall, attack = np.exp(-1000 / (RATE_HZ * decay_ms)), np.exp(-1 / (RATE_HZ * 0.005))
    held = envelope = 0.0
    for value in loudness:
        held = max(value, fall * held)
        envelope = attack * envelope + (1 - attack) * held
    return envelope


def follow(loudness: np.ndarray, block: int, decay_ms: tuple[float, ...] = DECAYS_MS) -> np.ndarray:
    follower = EnvelopeFollower(RATE_HZ, block)
    for first in range(0, len(loudness), block):
        envelope = follower.follow(np.repeat(loudness[None, first : first + block], 4, axis=0), decay_ms)
    return envelope


@pytest.mark.parametrize("block", [1, 48, 480, 960])
def test_the_envelope_equals_the_recursion_at_any_block_size(block) -> None:
    rng = np.random.default_rng(7)
    loudness = np.abs(rng.standard_normal(4800)) * np.repeat(rng.uniform(0, 1, 10), 480)
    expected = [by_the_sample(loudness, decay_ms) for decay_ms in DECAYS_MS]
    assert follow(loudness, block) == pytest.approx(expected, rel=1e-9)


def test_the_attack_reaches_63_percent_in_5_ms() -> None:
    assert follow(np.ones(240), block=240)[3] == pytest.approx(1 - np.exp(-1), rel=0.001)


def test_the_envelope_falls_by_e_in_the_decay_time() -> None:
    for channel, decay_ms in enumerate(DECAYS_MS[:3]):
        decay_frames = round(decay_ms * RATE_HZ / 1000)
        loudness = np.concatenate([np.ones(48_000), np.zeros(3 * decay_frames)])
        later = follow(np.concatenate([loudness, np.zeros(decay_frames)]), block=480)[channel]
        assert later / follow(loudness, block=480)[channel] == pytest.approx(np.exp(-1), rel=0.06)


def test_the_decay_can_be_changed_during_a_fall() -> None:
    follower = EnvelopeFollower(RATE_HZ, 480)
    follower.follow(np.ones((4, 480)), (1000.0,) * 4)
    slow = follower.follow(np.zeros((4, 480)), (1000.0,) * 4).copy()
    fast = follower.follow(np.zeros((4, 480)), (10.0,) * 4)
    assert np.all(fast < slow * 0.7)
