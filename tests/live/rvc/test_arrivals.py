"""Prediction of the voice child's next block, and its work: a writer and a reader on a simulated
clock."""

from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import pytest

from engine.live.rvc.arrivals import POLL_S, STALL_S, STALLED_POLL_S, Arrivals
from engine.live.rvc.loop import MIN_BLOCKS, VoiceFigures

RATE_HZ = 48_000
NAP_S = 0.05  # the child's longest
OVERHEAD_S = 0.0001


@dataclass
class Reading:
    late_s: list[float] = field(default_factory=list)
    """Seconds from the completion of each block to its detection."""
    looks: int = 0


def read_blocks(chunk_times_s: np.ndarray, chunk: int, block: int) -> Reading:
    """Run a reader that polls like the child, while `chunk` samples come at each of these times."""
    arrivals, reading = Arrivals(RATE_HZ), Reading()
    now_s, target = 0.0, block
    while target <= len(chunk_times_s) * chunk:
        end = int(np.searchsorted(chunk_times_s, now_s, side="right")) * chunk
        arrivals.saw(end, now_s)
        reading.looks += 1
        if end >= target:
            reading.late_s.append(now_s - chunk_times_s[-(-target // chunk) - 1])
            target += block
        else:
            now_s += min(arrivals.wait_s(target, now_s), NAP_S) + OVERHEAD_S
    return reading


def chunk_times_s(
    seconds: float, chunk: int, *, drift: float = 0.0, jitter_s: float = 0.0
) -> np.ndarray:
    """Arrival time of each chunk: at a sound card's pace, which drifts by `drift`, up to `jitter_s`
    late."""
    count = int(seconds * RATE_HZ / chunk)
    ideal = np.arange(1, count + 1) * chunk / RATE_HZ * (1.0 + drift) + 7.3
    late = np.random.default_rng(0).uniform(0.0, jitter_s, count)
    return np.fromiter(accumulate(ideal + late, max), float)


@pytest.mark.parametrize("drift", [0.0, 2e-4, -2e-4])
@pytest.mark.parametrize(
    ("chunk", "block_ms"), [(480, 250), (512, 250), (1024, 20), (64, 100), (2048, 1500)]
)
def test_a_complete_block_is_seen_within_one_poll(chunk: int, block_ms: int, drift: float) -> None:
    block = block_ms * RATE_HZ // 1000
    reading = read_blocks(chunk_times_s(60.0, chunk, drift=drift, jitter_s=0.004), chunk, block)
    learning = 1 + 250 // block_ms
    assert len(reading.late_s) >= 59_900 // block_ms
    assert max(reading.late_s[learning:]) <= POLL_S + 2 * OVERHEAD_S


def test_after_a_pause_of_the_writer_blocks_are_seen_as_promptly_as_before() -> None:
    times_s = chunk_times_s(60.0, 480)
    times_s[len(times_s) // 2 :] += 10 * STALL_S
    reading = read_blocks(times_s, 480, RATE_HZ // 4)
    after = len(reading.late_s) // 2
    assert reading.late_s[after] <= max(STALLED_POLL_S, POLL_S) + 2 * OVERHEAD_S
    assert max(reading.late_s[after + 4 :]) <= POLL_S + 2 * OVERHEAD_S


def test_a_machine_is_too_slow_if_the_median_work_is_longer_than_a_block() -> None:
    figures = VoiceFigures()
    for _ in range(MIN_BLOCKS - 1):
        figures.count_block(80.0, {})
    assert figures.too_slow_ms(20.0) is None  # too few to judge by
    figures.count_block(80.0, {})
    assert figures.too_slow_ms(20.0) == 80.0
    assert figures.too_slow_ms(80.0) is None
    figures.begin_window()
    assert figures.too_slow_ms(20.0) is None
