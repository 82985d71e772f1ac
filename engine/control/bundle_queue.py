"""A bounded queue of bundles that wait for their time tag, on the engine's clock."""

import heapq
import threading
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_WAIT_S = 10.0
LATE_S = 1 / 60  # osc.js sends the current time as the tag, which arrives some ms old: a bundle is late only beyond a
# frame
MAX_BUNDLES = 1024
MAX_VALUES = 16_384  # in all queued bundles: if all are due at once, the frame takes 5 ms longer

Plan = TypeVar("Plan")


@dataclass(frozen=True, slots=True, order=True)
class _Waiting(Generic[Plan]):
    due_s: float
    arrival: int
    """Bundles for the same time keep the order of their arrival."""
    values: int = field(compare=False)
    plan: Plan = field(compare=False)


class BundleQueue(Generic[Plan]):
    """A queue sorted by due time; the receiving thread fills it, the frame loop empties it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heap: list[_Waiting[Plan]] = []
        self._arrivals = 0
        self._values = 0

    def add(self, due_s: float, values: int, plan: Plan) -> bool:
        """Queue `plan`, which counts as `values` values, until `due_s`; False if the queue is full."""
        with self._lock:
            if len(self._heap) >= MAX_BUNDLES or self._values + values > MAX_VALUES:
                return False
            self._arrivals += 1
            self._values += values
            heapq.heappush(self._heap, _Waiting(due_s, self._arrivals, values, plan))
            return True

    def take_due(self, now_s: float) -> list[Plan]:
        """Remove and return the plans that are due, in time order."""
        if not self._heap:  # called every frame: takes no lock if nothing is queued
            return []
        due: list[Plan] = []
        with self._lock:
            while self._heap and self._heap[0].due_s <= now_s:
                waiting = heapq.heappop(self._heap)
                self._values -= waiting.values
                due.append(waiting.plan)
        return due
