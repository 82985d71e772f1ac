"""Due times of frames, on given times."""

from fractions import Fraction

import pytest

from engine.system.schedule import Schedule, exact_rate


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (29.97, Fraction(30000, 1001)),
        (29.969999313354492, Fraction(30000, 1001)),  # 29.97 as OSC sends it
        (30000 / 1001, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (30.0, Fraction(30)),
        (24.0, Fraction(24)),
        (25.0, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (29.95, Fraction(599, 20)),
        (1.0, Fraction(1)),
    ],
)
def test_a_rate_becomes_the_exact_fraction(written: float, meant: Fraction) -> None:
    assert exact_rate(written) == meant
    assert exact_rate(float(meant)) == meant


def test_frames_are_due_one_period_apart() -> None:
    schedule = Schedule(fps=10)
    assert [schedule.next_due_s(now_s) for now_s in (5.0, 5.0, 5.15, 5.2)] == pytest.approx([5.0, 5.1, 5.2, 5.3])


def test_a_short_hiccup_keeps_the_grid() -> None:
    schedule = Schedule(fps=10)
    schedule.next_due_s(0.0)
    assert schedule.next_due_s(0.17) == pytest.approx(0.1)
    assert schedule.next_due_s(0.18) == pytest.approx(0.2)
    assert schedule.dropped == 0


def test_a_long_hiccup_drops_its_frames_without_a_burst_to_catch_up() -> None:
    schedule = Schedule(fps=10)
    schedule.next_due_s(0.0)
    assert schedule.next_due_s(0.65) == pytest.approx(0.65)  # due times 0.1 to 0.5 are dropped
    assert schedule.dropped == 5
    assert schedule.next_due_s(0.66) == pytest.approx(0.75)


def test_a_frame_is_late_only_when_published_more_than_a_period_after_its_due_time() -> None:
    schedule = Schedule(fps=10)
    schedule.next_due_s(1.0)
    assert not schedule.is_late(1.099)
    assert schedule.is_late(1.101)


def test_a_new_rate_counts_from_the_last_due_time() -> None:
    schedule = Schedule(fps=10)
    schedule.next_due_s(0.0)
    schedule.set_fps(50)
    assert schedule.next_due_s(0.0) == pytest.approx(0.02)
