"""The figures of the live latency, from known arrivals and a clock of the test."""

import numpy as np
import pytest

from engine.control.latency import MAX_WAITING, STEP_MS, LatencyMs, PacketLatency


def measured(latency: PacketLatency, ages_ms: list[float], now_s: float) -> None:
    """Publish a frame at `now_s` with packets of these ages."""
    for age_ms in ages_ms:
        latency.note_arrival(now_s - age_ms / 1000.0)
    latency.begin_frame()
    latency.frame_published(now_s)


def test_without_packets_all_is_zero_and_arrivals_without_frames_are_bounded() -> None:
    latency = PacketLatency()
    latency.begin_frame()
    latency.frame_published(5.0)
    assert latency.latest(6.0) == LatencyMs(p50=0.0, p99=0.0, worst=0.0, packets=0)
    latency = PacketLatency()
    for _ in range(MAX_WAITING + 10):
        latency.note_arrival(1.0)
    latency.begin_frame()
    latency.frame_published(1.1)
    assert latency.latest(1.0).packets == MAX_WAITING


def test_median_and_percentile_are_those_of_the_packets() -> None:
    """Ages of 1..101 ms in random order; NumPy knows the percentiles."""
    for packets_a_frame in [1, 100]:
        ages_ms = np.random.default_rng(7).uniform(1.0, 101.0, 6000)
        latency = PacketLatency()
        for number, part in enumerate(np.split(ages_ms, 6000 // packets_a_frame)):
            measured(latency, part.tolist(), 100.0 + number * packets_a_frame / 200.0)
        figures = latency.latest(131.0)
        assert figures.packets == 6000, packets_a_frame
        assert figures.p50 == pytest.approx(np.percentile(ages_ms, 50), abs=STEP_MS), (
            packets_a_frame
        )
        assert figures.p99 == pytest.approx(np.percentile(ages_ms, 99), abs=STEP_MS), (
            packets_a_frame
        )
        assert figures.worst == pytest.approx(ages_ms.max(), abs=1e-6), packets_a_frame


def test_the_worst_is_forgotten_after_a_minute_and_may_be_of_seconds() -> None:
    latency = PacketLatency()
    measured(latency, [400.0], 10.0)
    measured(latency, [5.0], 30.0)
    assert latency.latest(69.0).worst == pytest.approx(400.0)
    assert latency.latest(71.0).worst == pytest.approx(5.0)
    measured(latency, [7.0], 70.5)  # takes the place of the second at 10.0
    assert (latency.latest(71.0).worst, latency.latest(71.0).packets) == (pytest.approx(7.0), 2)
    latency = PacketLatency()
    measured(latency, [4000.0], 10.0)
    assert latency.latest(10.0).p99 == latency.latest(10.0).worst == pytest.approx(4000.0)
