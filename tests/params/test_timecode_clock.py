"""The position between readings: jitter, dropouts, wrong labels, locates, midnight. Times are the
test's."""

import random
from dataclasses import replace

import pytest

from engine.params.timecode import RATES, label_at
from engine.params.timecode_clock import LOCKED_S, TimecodeClock
from engine.values import TimecodeReading

FLYWHEEL_S = 1.0


def reading(
    number: int, at_s: float, *, rate: str = "25", speed: float = 1.0, is_still: bool = False
) -> TimecodeReading:
    hours, minutes, seconds, frames = label_at(number, RATES[rate])
    return TimecodeReading(
        hours=hours, minutes=minutes, seconds=seconds, frames=frames, at_s=at_s,
        rate=rate, frame_s=1.0 / RATES[rate].fps / abs(speed), is_backward=speed < 0,
        is_still=is_still,
    )  # fmt: skip


def play(
    clock: TimecodeClock,
    number: int,
    count: int,
    begin_s: float,
    *,
    speed: float = 1.0,
    rate: str = "25",
) -> float:
    """Feed `count` readings from frame `number`; returns the time of the next one."""
    step_s = 1.0 / RATES[rate].fps / abs(speed)
    way = 1 if speed > 0 else -1
    for n in range(count):
        clock.add(reading(number + way * n, begin_s + n * step_s, rate=rate, speed=speed))
    return begin_s + count * step_s


def test_the_position_runs_between_the_readings() -> None:
    for rate in RATES:
        for speed in [0.6, 1.0, 2.0, -1.0]:
            clock = TimecodeClock()
            assert (
                clock.state(0.0, FLYWHEEL_S) == "none" and clock.position_s(0.0, FLYWHEEL_S) is None
            ), rate
            clock.add(reading(9000, 4.9, rate=rate, speed=speed))
            assert clock.state(5.0, FLYWHEEL_S) == "none", "one label may be wrong"
            next_s = play(clock, 9000, 20, 10.0, rate=rate, speed=speed)
            assert clock.state(next_s, FLYWHEEL_S) == "locked", rate
            expected_s = 9000 / RATES[rate].fps + (next_s + 0.007 - 10.0) * speed
            assert clock.position_s(next_s + 0.007, FLYWHEEL_S) == pytest.approx(
                expected_s, abs=1e-6
            ), rate
            assert clock.speed(next_s, FLYWHEEL_S) == pytest.approx(speed), rate
            assert clock.rate.name == rate, rate


def test_jitter_is_averaged_and_a_wrong_label_has_no_effect_before_a_second_confirms_it() -> None:
    clock, rng, errors = TimecodeClock(), random.Random(1), []
    for n in range(250):
        at_s = 0.04 * n
        clock.add(reading(n, at_s + rng.uniform(0.0, 0.01)))
        if n > 25:
            position_s = clock.position_s(at_s + 0.02, FLYWHEEL_S)
            assert position_s is not None
            errors.append(position_s - at_s - 0.02)
    assert max(errors) - min(errors) < 0.006, "10 ms of jitter come out as less than 6"
    clock = TimecodeClock()
    next_s = play(clock, 0, 50, 0.0)
    clock.add(reading(40_000, next_s))
    assert clock.position_s(next_s, FLYWHEEL_S) == pytest.approx(next_s)
    next_s = play(clock, 51, 10, next_s + 0.04)
    assert clock.position_s(next_s, FLYWHEEL_S) == pytest.approx(next_s)
    clock.add(reading(9000, next_s))
    clock.add(reading(9001, next_s + 0.04))
    assert clock.position_s(next_s + 0.04, FLYWHEEL_S) == pytest.approx(360.04)


def test_a_missing_signal_runs_on_for_the_flywheels_time_is_lost_and_comes_back() -> None:
    clock = TimecodeClock()
    last_s = play(clock, 0, 50, 0.0) - 0.04
    assert clock.state(last_s + LOCKED_S + 0.01, FLYWHEEL_S) == "flywheel"
    assert clock.position_s(last_s + 0.9, FLYWHEEL_S) == pytest.approx(last_s + 0.9)
    assert clock.state(last_s + 1.01, FLYWHEEL_S) == "lost"
    assert clock.position_s(60.0, FLYWHEEL_S) == pytest.approx(last_s + 1.0), "it stands"
    assert clock.speed(60.0, FLYWHEEL_S) == 0.0
    play(clock, 1500, 2, 70.0)
    assert clock.state(70.05, FLYWHEEL_S) == "locked"
    assert clock.position_s(70.04, FLYWHEEL_S) == pytest.approx(60.04)
    clock = TimecodeClock()
    last_s = play(clock, 0, 50, 0.0) - 0.04
    assert clock.state(last_s + LOCKED_S + 0.01, 0.0) == "lost"


def test_a_still_locate_stands_until_the_timecode_runs_and_that_turns_round_and_runs_past_midnight() -> (
    None
):
    clock = TimecodeClock()
    clock.add(reading(2500, 1.0, is_still=True))
    assert clock.position_s(9.0, FLYWHEEL_S) == 100.0 and clock.speed(9.0, FLYWHEEL_S) == 0.0
    assert clock.state(9.0, FLYWHEEL_S) == "locked"
    next_s = play(clock, 2500, 30, 10.0)
    assert clock.position_s(next_s, FLYWHEEL_S) == pytest.approx(101.2)
    play(clock, 2529, 2, next_s, speed=-1.0)
    assert clock.position_s(next_s + 0.04, FLYWHEEL_S) == pytest.approx(2528 / 25), (
        "two labels turn it round"
    )
    assert clock.speed(next_s + 0.2, FLYWHEEL_S) == pytest.approx(-1.0)
    clock = TimecodeClock()
    next_s = play(clock, 24 * 3600 * 25 - 10, 10, 0.0)
    play(clock, 0, 10, next_s)
    assert clock.position_s(next_s + 0.38, FLYWHEEL_S) == pytest.approx(0.38)


def test_the_text_of_every_second_frame_shows_the_rate_without_the_length_of_a_frame() -> None:
    for rate in ("24", "25", "30"):
        clock = TimecodeClock()
        for n in range(0, 80, 2):
            clock.add(
                replace(
                    reading(n, n / RATES[rate].fps, rate=rate),
                    rate="",
                    frame_s=0.0,
                    lead_frames=1.75,
                )
            )
        assert clock.rate.name == rate
        assert clock.position_s(78 / RATES[rate].fps, FLYWHEEL_S) == pytest.approx(
            79.75 / RATES[rate].fps, abs=1e-4
        )


def network(clock: TimecodeClock, number: int, count: int, begin_s: float) -> float:
    """Like `play`, with labels of which only the arrival is known."""
    for n in range(count):
        clock.add(replace(reading(number + n, begin_s + 0.04 * n), frame_s=0.0))
    return begin_s + 0.04 * count


@pytest.mark.parametrize(
    ("frames", "within_s"), [(-1500, 0.05), (-15, 0.4), (-5, 0.4), (10, 0.05), (1500, 0.05)]
)
def test_a_desk_that_locates_is_followed_at_once_and_if_it_may_be_late_soon(
    frames: int, within_s: float
) -> None:
    clock = TimecodeClock()
    next_s = network(clock, 3000, 50, 0.0)
    network(clock, 3050 + frames, round(within_s / 0.04) + 1, next_s)
    assert clock.position_s(next_s + within_s, FLYWHEEL_S) == pytest.approx(
        122 + frames / 25 + within_s, abs=0.02
    )
    assert clock.speed(next_s + within_s, FLYWHEEL_S) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("pause_s", [0.2, 0.6, 5.0])
@pytest.mark.parametrize("repeats", [False, True])
def test_a_pause_runs_on_for_the_flywheels_time_and_the_position_is_right_again(
    pause_s: float, repeats: bool
) -> None:
    clock = TimecodeClock()
    next_s = network(clock, 3000, 50, 0.0)
    for n in range(round(pause_s / 0.04) if repeats else 0):
        network(clock, 3049, 1, next_s + 0.04 * n)
    end_s = next_s + pause_s
    if pause_s > FLYWHEEL_S:
        assert clock.state(end_s, FLYWHEEL_S) == "lost"
        assert clock.position_s(end_s, FLYWHEEL_S) == pytest.approx(
            next_s + 120 + FLYWHEEL_S - 0.04
        )
    network(clock, 3050, 12, end_s)
    assert clock.position_s(end_s + 0.44, FLYWHEEL_S) == pytest.approx(122.44, abs=0.001)
    assert clock.speed(end_s + 0.44, FLYWHEEL_S) == pytest.approx(1.0)
