"""Adaptive timeout of a batch; after it the process counts as hung, for example in a driver."""

from collections.abc import Callable
from typing import Final

FIRST_S: Final = 600.0  # kernels are selected and compiled
MIN_S: Final = 120.0
TIMES_SLOWEST: Final = 20.0


class Patience:
    """Single-threaded. The timeout is derived from the longest interval between two batches so far."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slowest_s: float | None = None
        self._from_s = self._waiting_s = clock()

    def idle(self) -> None:
        """Restart the clock: no batch is in flight."""
        self._from_s = self._waiting_s = self._clock()

    def wait(self) -> None:
        """Start waiting for the next batch."""
        self._waiting_s = self._clock()

    def came(self) -> None:
        now_s = self._clock()
        self._slowest_s = max(self._slowest_s or 0.0, now_s - self._from_s)
        self._from_s = now_s

    @property
    def limit_s(self) -> float:
        return FIRST_S if self._slowest_s is None else max(MIN_S, TIMES_SLOWEST * self._slowest_s)

    @property
    def is_over(self) -> bool:
        return self._clock() - self._waiting_s > self.limit_s
