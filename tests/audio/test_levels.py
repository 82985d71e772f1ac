"""Automatic gain, and the envelope follower."""

import numpy as np
import pytest

from engine.audio.levels import AutoGain, EnvelopeFollower

HOP_S = 0.01
AUTO = (True,) * 4
DB = np.array([-30.0, -50.0, -6.0, -12.0])


def run(
    peak: np.ndarray, seconds: float, gain: AutoGain | None = None, auto: tuple[bool, ...] = AUTO
) -> np.ndarray:
    gain = gain or AutoGain(HOP_S)
    for _ in range(round(seconds / HOP_S)):
        gain_db = gain.step(peak, auto)
    return gain_db


def test_gain_rises_slowly_to_24_db_falls_fast_does_not_pump_and_freezes_below_the_gate() -> None:
    assert run(10 ** (DB / 20), 20.0) == pytest.approx([18.0, 24.0, -6.0, 0.0], abs=0.01)
    assert run(np.full(4, 10 ** (-30 / 20)), 2.0) == pytest.approx(
        np.full(4, 18 * (1 - np.exp(-1)))
    )
    gain = AutoGain(HOP_S)
    run(np.full(4, 10 ** (-36 / 20)), 30.0, gain)
    assert run(np.ones(4), 1.0, gain)[0] < -10.0
    gain, seen = AutoGain(HOP_S), []
    for hop in range(3000):
        seen.append(gain.step(np.full(4, 0.5 if hop % 100 == 0 else 0.01), AUTO)[0])
    assert np.ptp(seen[2000:]) < 1.5
    gain = AutoGain(HOP_S)
    before = run(np.full(4, 0.1), 5.0, gain).copy()
    assert np.array_equal(run(np.full(4, 10 ** (-56 / 20)), 60.0, gain), before)
    # still the earlier level
    assert run(np.full(4, 0.01), HOP_S, gain) == pytest.approx(before, abs=0.01)
    assert np.array_equal(run(np.full(4, 10 ** (-56 / 20)), 60.0), np.zeros(4))
    gain = AutoGain(HOP_S)
    run(np.full(4, 0.01), 20.0, gain)
    assert run(np.zeros(4), 5.0, gain, auto=(False, True, False, True)) == pytest.approx(
        [0, 24, 0, 24], abs=0.01
    )


RATE_HZ = 48_000
DECAYS_MS = (10.0, 100.0, 1000.0, 10_000.0)


def by_the_sample(loudness: np.ndarray, decay_ms: float) -> float:
    """The envelope by the recursion of the paper, sample by sample."""
    fall, attack = np.exp(-1000 / (RATE_HZ * decay_ms)), np.exp(-1 / (RATE_HZ * 0.005))
    peak_hold = envelope = 0.0
    for value in loudness:
        peak_hold = max(value, fall * peak_hold)
        envelope = attack * envelope + (1 - attack) * peak_hold
    return envelope


def follow(loudness: np.ndarray, block: int, decay_ms: tuple[float, ...] = DECAYS_MS) -> np.ndarray:
    follower = EnvelopeFollower(RATE_HZ, block)
    for first in range(0, len(loudness), block):
        envelope = follower.follow(
            np.repeat(loudness[None, first : first + block], 4, axis=0), decay_ms
        )
    return envelope


def test_the_envelope_equals_the_recursion_with_its_attack_and_decay() -> None:
    for block in [1, 48, 480, 960]:
        rng = np.random.default_rng(7)
        loudness = np.abs(rng.standard_normal(4800)) * np.repeat(rng.uniform(0, 1, 10), 480)
        expected = [by_the_sample(loudness, decay_ms) for decay_ms in DECAYS_MS]
        assert follow(loudness, block) == pytest.approx(expected, rel=1e-9), block
    assert follow(np.ones(240), block=240)[3] == pytest.approx(1 - np.exp(-1), rel=0.001)
    for channel, decay_ms in enumerate(DECAYS_MS[:3]):
        decay_frames = round(decay_ms * RATE_HZ / 1000)
        loudness = np.concatenate([np.ones(48_000), np.zeros(3 * decay_frames)])
        later = follow(np.concatenate([loudness, np.zeros(decay_frames)]), block=480)[channel]
        assert later / follow(loudness, block=480)[channel] == pytest.approx(np.exp(-1), rel=0.06)
    follower = EnvelopeFollower(RATE_HZ, 480)
    follower.follow(np.ones((4, 480)), (1000.0,) * 4)
    slow = follower.follow(np.zeros((4, 480)), (1000.0,) * 4).copy()
    assert np.all(follower.follow(np.zeros((4, 480)), (10.0,) * 4) < slow * 0.7)
