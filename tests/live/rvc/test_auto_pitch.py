"""The transposition that /rvc/pitch_auto chooses."""

import numpy as np
import pytest

from engine.live.rvc.auto_pitch import DEAD_BAND, GLIDE_S, AutoPitch

BLOCK_S = 0.25


def sung(hz: float, frames: int = 25, seed: int = 0) -> np.ndarray:
    """The pitch of a block of speech around `hz`: it moves by 3 semitones, and two frames in five
    are unvoiced."""
    pitch = hz * 2.0 ** (np.random.default_rng(seed).normal(0.0, 1.5, frames) / 12.0)
    return np.where(np.arange(frames) % 5 < 2, 0.0, pitch)


def after(
    auto: AutoPitch, target_hz: float | None, hz: float, seconds: float, from_s: float = 0.0
) -> list[float]:
    """The automatic transposition of each block while somebody speaks at `hz`; 0: silence."""
    found = []
    for number in range(round(seconds / BLOCK_S)):
        found.append(auto.aim(target_hz, from_s + number * BLOCK_S))
        auto.add_pitch(sung(hz, seed=number) if hz else np.zeros(25))
    return found


def test_a_low_voice_is_raised_by_an_octave_to_the_targets_pitch() -> None:
    auto = AutoPitch()
    found = after(auto, 220.0, 110.0, 12.0)
    assert auto.speaker_hz == pytest.approx(110.0, rel=0.03)
    assert found[-1] == pytest.approx(12.0, abs=DEAD_BAND + 0.3)
    assert found[0] == 0.0 and max(np.diff(found)) < 2.5, "it glides"
    assert np.abs(np.diff(found[-16:])).max() < 0.2, "and stays"


def test_another_speaker_is_met_without_a_jump() -> None:
    auto = AutoPitch()
    before = after(auto, 220.0, 110.0, 12.0)[-1]
    found = after(auto, 220.0, 250.0, 14.0, from_s=12.0)
    assert found[-1] == pytest.approx(12.0 * np.log2(220.0 / 250.0), abs=DEAD_BAND + 0.3)
    steps = np.diff([before, *found])
    assert np.abs(steps).max() < 1.5 * 14.5 * BLOCK_S / GLIDE_S, (
        "no faster than a smooth glide of two seconds"
    )


def test_it_holds_while_nobody_speaks() -> None:
    auto = AutoPitch()
    after(auto, 220.0, 110.0, 12.0)
    found = after(auto, 220.0, 0.0, 60.0, from_s=12.0)
    assert np.ptp(found[8:]) == 0.0 and found[-1] == pytest.approx(12.0, abs=DEAD_BAND + 0.3)


@pytest.mark.parametrize("octave", [0.5, 2.0])
def test_octave_errors_of_the_tracker_do_not_count(octave: float) -> None:
    auto, frames = AutoPitch(), np.full(500, 150.0)
    frames[np.arange(500) % 5 < 2] *= octave  # two in five
    frames *= 2.0 ** (np.sin(np.arange(500)) / 12.0)
    auto.add_pitch(frames)
    assert auto.speaker_hz == pytest.approx(150.0, rel=0.01)


def test_switched_off_it_glides_back_to_exactly_nothing() -> None:
    auto = AutoPitch()
    auto.add_pitch(np.full(200, 110.0))
    auto.settle(112.0, 5.0)
    assert 0.0 < auto.aim(None, 5.0 + GLIDE_S / 2.0) <= auto.aim(None, 5.0) < 1.0
    assert auto.aim(None, 5.0 + 2.0 * GLIDE_S) == 0.0


def test_no_voice_is_moved_by_more_than_two_octaves() -> None:
    auto = AutoPitch()
    auto.add_pitch(np.full(200, 60.0))
    assert auto.settle(600.0, 0.0) == 24.0
