"""A sound clock estimated from marks that jitter."""

import numpy as np
import pytest

from engine.audio.steady_reader import ClockLine

RATE_HZ = 48_000
BLOCK = 480


def follow(line: ClockLine, seconds: float, *, ppm: float, jitter_s: float, seed: int = 0, first: int = 1) -> int:
    """Add a mark every 10 ms from a crystal `ppm` fast, from block `first` on. Returns the next block."""
    late_s = np.random.default_rng(seed).uniform(-jitter_s, jitter_s, round(seconds * 100))
    for block, error_s in enumerate(late_s, start=first):
        line.add(block * BLOCK, sounded_s(block, ppm) + error_s)
    return first + len(late_s)


def sounded_s(block: int, ppm: float) -> float:
    return block * BLOCK / (RATE_HZ * (1.0 + ppm * 1e-6))


@pytest.mark.parametrize("ppm", [200.0, 0.0, -200.0])
def test_after_a_minute_of_jittering_marks_the_position_is_known_to_a_sample(ppm) -> None:
    line = ClockLine(RATE_HZ)
    after = follow(line, 60.0, ppm=ppm, jitter_s=0.001)
    off = []
    for block in range(after, after + 3000):
        follow(line, 0.01, ppm=ppm, jitter_s=0.001, seed=block, first=block)
        off.append(line.number_at(sounded_s(block, ppm)) - block * BLOCK)
    assert np.abs(off).max() < 2.0
    assert np.abs(np.diff(off)).max() < 0.1  # from mark to mark: no jitter
    assert line.disturbances == 0


def test_a_drift_of_200_ppm_is_followed_for_an_hour() -> None:
    line = ClockLine(RATE_HZ)
    follow(line, 3600.0, ppm=200.0, jitter_s=0.0002)
    assert line.number_at(sounded_s(360_000, 200.0)) == pytest.approx(360_000 * BLOCK, abs=0.5)
    assert line.disturbances == 0


def test_number_and_time_are_each_others_inverse() -> None:
    line = ClockLine(RATE_HZ)
    follow(line, 5.0, ppm=100.0, jitter_s=0.001)
    assert line.number_at(line.time_of(123_456.5)) == pytest.approx(123_456.5, abs=1e-4)


def test_one_mark_200_ms_late_has_almost_no_effect() -> None:
    line = ClockLine(RATE_HZ)
    after = follow(line, 30.0, ppm=0.0, jitter_s=0.0)
    line.add(after * BLOCK, sounded_s(after, 0.0) + 0.2)
    assert line.number_at(60.0) == pytest.approx(60.0 * RATE_HZ, abs=0.1)


def test_a_reconnected_device_is_followed_from_its_new_position_with_the_old_slope() -> None:
    line = ClockLine(RATE_HZ)
    after = follow(line, 30.0, ppm=200.0, jitter_s=0.0002)
    late_s = 3.0 + np.random.default_rng(2).uniform(-0.0002, 0.0002, 50)
    for block, late in enumerate(late_s, start=after):
        line.add(block * BLOCK, sounded_s(block, 200.0) + late)
    assert line.disturbances > 0
    newest, in_a_minute = after + 49, after + 6000
    assert line.time_of(newest * BLOCK) == pytest.approx(sounded_s(newest, 200.0) + 3.0, abs=2e-4)
    assert line.time_of(in_a_minute * BLOCK) == pytest.approx(sounded_s(in_a_minute, 200.0) + 3.0, abs=2e-3)


def test_a_jump_of_four_milliseconds_is_followed_within_seconds_and_counted_as_a_disturbance() -> None:
    line = ClockLine(RATE_HZ)
    after = follow(line, 60.0, ppm=0.0, jitter_s=0.0)
    for block in range(after, after + 500):
        line.add(block * BLOCK, sounded_s(block, 0.0) + 0.004)
    assert line.disturbances > 0
    assert line.time_of((after + 499) * BLOCK) == pytest.approx(sounded_s(after + 499, 0.0) + 0.004, abs=2e-3)
