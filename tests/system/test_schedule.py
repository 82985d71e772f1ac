"""Due times of frames, on given times."""

from fractions import Fraction

import pytest

from engine.system.schedule import Schedule, exact_rate


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        (29.97, Fraction(30000, 1001)),
        (29.969999313354492, Fraction(30000, 1001)),  # 29.97 as OSC sends it
        (30000 / 1001, Fraction(30000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (30.0, Fraction(30)),
        (12.5, Fraction(25, 2)),
        (29.95, Fraction(599, 20)),
        (1.0, Fraction(1)),
    ],
)
def test_a_rate_becomes_the_exact_fraction(written: float, exact: Fraction) -> None:
    assert exact_rate(written) == exact
    assert exact_rate(float(exact)) == exact


@pytest.mark.parametrize(
    ("asked_s", "due_s", "dropped"),
    [
        ((5.0, 5.0, 5.15, 5.2), (5.0, 5.1, 5.2, 5.3), 0),
        ((0.0, 0.17, 0.18), (0.0, 0.1, 0.2), 0),
        (
            (0.0, 0.65, 0.66),
            (0.0, 0.65, 0.75),
            5,
        ),  # due times 0.1 to 0.5 are dropped, without a burst to catch up
    ],
    ids=["one period apart", "a short hiccup keeps the grid", "a long one begins another"],
)
def test_frames_are_due_on_a_grid_of_one_period(
    asked_s: tuple[float, ...], due_s: tuple[float, ...], dropped: int
) -> None:
    schedule = Schedule(fps=10)
    assert [schedule.next_due_s(now_s) for now_s in asked_s] == pytest.approx(due_s)
    assert schedule.dropped == dropped
    schedule.set_fps(50)
    assert schedule.next_due_s(0.0) == pytest.approx(due_s[-1] + 0.02), (
        "a new rate counts from the last due time"
    )
