"""Threads that run one at a time on one clock, which only advances while all of them rest."""

import heapq
import threading
from collections.abc import Callable, Sequence
from itertools import count

Span = tuple[int, int]
"""Begin and end, ns."""


class Over(Exception):
    """Raised in each thread by `rest` when the time is used up."""


class Lockstep:
    """A simulated clock for threads: `rest` passes control to the thread that wakes next, so every
    run is the same."""

    def __init__(self, *, seconds: float) -> None:
        self._now_ns = 1_000_000_000
        self._end_ns = self._now_ns + round(seconds * 1e9)
        self._resting: list[tuple[int, int, threading.Event]] = []
        self._order = count()

    def now_ns(self) -> int:
        return self._now_ns

    def rest(self, seconds: float) -> None:
        woken = self._enter(self._now_ns + max(1, round(seconds * 1e9)))
        self._wake_next()
        self._sleep(woken)

    def run(self, *actors: Callable[[], None]) -> None:
        """Run these, each in a thread, from now on; returns when the time is used up. Raises the
        first error of one."""
        errors: list[Exception] = []

        def act(actor: Callable[[], None], woken: threading.Event) -> None:
            try:
                self._sleep(woken)
                actor()
            except Over:
                pass
            except Exception as error:
                errors.append(error)
                self._end_ns = 0
            self._wake_next()

        threads = [
            threading.Thread(target=act, args=(actor, self._enter(self._now_ns)))
            for actor in actors
        ]
        for thread in threads:
            thread.start()
        self._wake_next()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _enter(self, until_ns: int) -> threading.Event:
        woken = threading.Event()
        heapq.heappush(self._resting, (until_ns, next(self._order), woken))
        return woken

    def _wake_next(self) -> None:
        if self._resting:
            self._now_ns, _, woken = heapq.heappop(self._resting)
            woken.set()

    def _sleep(self, woken: threading.Event) -> None:
        woken.wait()
        if self._now_ns > self._end_ns:
            raise Over


def overlaps(some: Sequence[Span], others: Sequence[Span]) -> list[tuple[Span, Span]]:
    """The pairs that have a moment in common."""
    return [
        (one, other) for one in some for other in others if one[0] < other[1] and other[0] < one[1]
    ]
