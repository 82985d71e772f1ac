"""Frame times and warnings, on injected clocks."""

import logging

import pytest

from engine.system.backoff import next_delay_s
from engine.system.clock import SteppedClock
from engine.system.telemetry import MAX_LINES, FrameFaults, FrameTimes, Warnings


def test_late_and_dropped_frames_are_counted_over_the_last_ten_seconds() -> None:
    times = FrameTimes()
    for index in range(30 * 60 + 1):
        second = index // 30
        times.dropped = 7 if second < 20 else 7 + min(index - 600, 100) // 10
        times.add(work_s=0, draw_s=0, published_s=index / 30, is_late=second in (5, 25))
        if index == 30 * 30:
            assert times.recent_faults() == FrameFaults(due=300 + 10, late=30, dropped=10)
            assert times.recent_faults().is_overloaded
    assert times.recent_faults() == FrameFaults(due=300, late=0, dropped=0), (
        "older frames do not count"
    )
    assert (
        FrameTimes().recent_faults() == FrameFaults()
        and not FrameFaults(due=300, late=29).is_overloaded
    )
    assert not FrameFaults().is_overloaded, "no frame is due yet"


def test_other_lines_of_a_cause_are_logged_too_but_few_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = SteppedClock()
    warnings = Warnings(clock)
    with caplog.at_level(logging.WARNING):
        for line in ("no depth model", "no pose model", "no depth model"):
            warnings.report("refused", line)
        assert [record.message for record in caplog.records] == ["no depth model", "no pose model"]
        for number in range(100):
            warnings.report("refused", f"address {number}")
        assert len(caplog.records) == MAX_LINES
        clock.advance(1.0)
        warnings.report("refused", "no depth model")
    assert caplog.records[-1].message == "no depth model (and 97 more like it)"


def test_a_cause_is_logged_once_a_second_and_always_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = SteppedClock()
    warnings = Warnings(clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            warnings.report("osc", "not OSC")
        warnings.report("sink", "disk full")
        clock.advance(1.0)
        warnings.report("osc", "not OSC")
    assert [record.message for record in caplog.records] == [
        "not OSC",
        "disk full",
        "not OSC (and 999 more like it)",
    ]
    assert warnings.counts == {"osc": 1001, "sink": 1}
    assert warnings.latest[-1] == "not OSC (and 999 more like it)"


def test_delays_double_from_half_a_second_to_thirty() -> None:
    assert [next_delay_s(failures) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert next_delay_s(10_000) == 30
