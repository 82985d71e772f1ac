"""Clocks: real time, and a stepped one for tests and offline rendering. Other code gets the time as
an argument.

Based on `time.perf_counter`, because `time.monotonic` steps by 15.6 ms on Windows before Python
3.13.
"""

import time
from typing import Protocol


class Clock(Protocol):
    def now_s(self) -> float:
        """Seconds since an arbitrary start; monotonic."""
        ...

    def time_of(self, arrived_s: float | None) -> float:
        """Convert `arrived_s` of `time.perf_counter` to this clock's time; now for None, and in a
        stepped clock."""
        ...

    def wall_s(self) -> float:
        """Seconds since 1970 (for OSC time tags)."""
        ...

    def sleep_until(self, due_s: float) -> None:
        """Sleep until `due_s`; return at once if it has passed."""


class SystemClock:
    def now_s(self) -> float:
        return time.perf_counter()

    def time_of(self, arrived_s: float | None) -> float:
        return time.perf_counter() if arrived_s is None else arrived_s

    def wall_s(self) -> float:
        return time.time()

    def sleep_until(self, due_s: float) -> None:
        remaining_s = due_s - time.perf_counter()
        if remaining_s > 0:
            time.sleep(remaining_s)


class SteppedClock:
    """A clock that moves only when stepped. Sleeping on it steps it: offline rendering lands
    exactly on due times."""

    def __init__(self, start_s: float = 0.0, wall_start_s: float = 1_700_000_000.0) -> None:
        self._now_s = start_s
        self._wall_offset_s = wall_start_s - start_s

    def now_s(self) -> float:
        return self._now_s

    def time_of(self, arrived_s: float | None) -> float:
        return self._now_s

    def wall_s(self) -> float:
        return self._now_s + self._wall_offset_s

    def sleep_until(self, due_s: float) -> None:
        self._now_s = max(self._now_s, due_s)

    def advance(self, seconds: float) -> None:
        self._now_s += seconds
