"""Bundles that wait for their time tag: a bounded queue on the engine's own clock."""

import heapq
import threading
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_WAIT_S = 10.0
LATE_S = 1 / 60  # a tag of "now" (osc.js) is a few ms old when it comes: only more than a frame is late
MAX_BUNDLES = 1024
MAX_VALUES = 16_384  # in all of them together: should all be due at once, the frame takes 5 ms longer

Plan = TypeVar("Plan")


@dataclass(frozen=True, slots=True, order=True)
class _Waiting(Generic[Plan]):
    due_s: float
    arrival: int
    """Bundles for the same moment keep the order in which they came."""
    values: int = field(compare=False)
    plan: Plan = field(compare=False)


class Schedule(Generic[Plan]):
    """A queue by due time; filled by the receiver, emptied by the frame loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heap: list[_Waiting[Plan]] = []
        self._arrivals = 0
        self._values = 0

    def add(self, due_s: float, values: int, plan: Plan) -> bool:
        """Keep `plan` (as costly as `values` values) until `due_s`; False when the queue is full."""
        with self._lock:
            if len(self._heap) >= MAX_BUNDLES or self._values + values > MAX_VALUES:
                return False
            self._arrivals += 1
            self._values += values
            heapq.heappush(self._heap, _Waiting(due_s, self._arrivals, values, plan))
            return True

    def take_due(self, now_s: float) -> list[Plan]:
        """Everything whose time has come, in order of its time."""
        if not self._heap:  # frame loop's thread, every frame: no lock where nothing waits
            return []
        due: list[Plan] = []
        with self._lock:
            while self._heap and self._heap[0].due_s <= now_s:
                waiting = heapq.heappop(self._heap)
                self._values -= waiting.values
                due.append(waiting.plan)
        return due
