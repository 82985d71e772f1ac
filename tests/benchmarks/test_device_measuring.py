"""Calls are timed in runs between two waits, in turn. The clock is our own."""

from collections.abc import Callable

import pytest

from tests.benchmarks.device_measuring import interleaved_ms


class SlowWait:
    """A fake device whose calls take their own time, and whose wait takes 5 ms more."""

    def __init__(self) -> None:
        self.now_s, self.done = 0.0, ""

    def call(self, name: str, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.now_s += seconds
            self.done += name

        return work

    def wait(self) -> None:
        self.now_s += 0.005


def test_short_calls_share_a_wait_and_long_ones_are_timed_alone_in_turn() -> None:
    device = SlowWait()
    calls = {"short": device.call("s", 0.001), "long": device.call("l", 1.0)}
    times_ms = interleaved_ms(calls, device.wait, rounds=3, min_calls=1, now_s=lambda: device.now_s)
    assert times_ms["long"] == [pytest.approx(1005)] * 3
    assert max(times_ms["short"]) < 2.5, "alone it would be 6 ms"
    run = device.done.partition("l")[2].partition("l")[2].partition("l")[0]
    assert len(run) >= 4 and device.done.endswith(f"{run}l" * 3)
