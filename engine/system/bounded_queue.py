"""A bounded queue between two threads. It can be ended or aborted, and measures how long each side
waits."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, Generic, TypeVar

from engine.system.daemon_worker import call_on_thread

Item = TypeVar("Item")

# a waiting main thread wakes this often: on Windows a wait on a lock is not interrupted by signals
WAKE_S = 0.1


class QueueAborted(Exception):
    """The other side called `abort`. Caught where threads are joined, and nowhere above."""


class BoundedQueue(Generic[Item]):
    """Holds at most `max_items`. One thread puts, one takes."""

    def __init__(self, max_items: int) -> None:
        self.max_items = max_items
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._is_ended = False
        self._is_aborted = False
        self.take_wait_s = 0.0
        """Seconds the taking side has waited for an item or the end."""
        self.empty_takes = 0
        """Number of takes that found the queue empty and had to wait."""
        self.put_wait_s = 0.0
        """Seconds the putting side has waited for room."""

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_done(self) -> bool:
        """True once `end` was called and every item was taken."""
        return self._is_ended and not self._items and not self._is_aborted

    def put(self, item: Item) -> None:
        """Add an item; waits for room. Raises QueueAborted after `abort`."""
        with self._changed:
            self.put_wait_s += self._wait(
                lambda: len(self._items) < self.max_items or self._is_aborted
            )
            if self._is_aborted:
                raise QueueAborted
            self._items.append(item)
            self._changed.notify_all()

    def end(self) -> None:
        """Mark the end: no more items will be put. Those in the queue are still taken."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Drop all items and wake both sides: their next call raises QueueAborted."""
        with self._changed:
            self._is_aborted = True
            self._items.clear()
            self._changed.notify_all()

    def items(self, is_stopped: Callable[[], bool] = lambda: False) -> Iterator[Item]:
        """Take items until the end, or until `is_stopped`. Raises QueueAborted after `abort`."""
        while not is_stopped():
            with self._changed:
                self.empty_takes += not self._items and not self._is_ended
                self.take_wait_s += self._wait(
                    lambda: bool(self._items) or self._is_ended or self._is_aborted or is_stopped()
                )
                if self._is_aborted:
                    raise QueueAborted
                if is_stopped() or not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def _wait(self, condition: Callable[[], bool]) -> float:
        if condition():
            return 0.0
        began_s = time.perf_counter()
        while not condition():
            self._changed.wait(WAKE_S)
        return time.perf_counter() - began_s


class Worker:
    """A thread that stores its error for the thread that joins it, and then aborts its queues."""

    def __init__(self, name: str, work: Callable[[], None], *queues: BoundedQueue[Any]) -> None:
        self._name = name
        self._work = work
        self._queues = queues
        self._done: Future[None] | None = None

    @property
    def error(self) -> BaseException | None:
        """The error that ended the work, or None. Never waits."""
        return self._done.exception() if self._done is not None and self._done.done() else None

    def start(self) -> None:
        self._done = call_on_thread(self._name, self._run)

    def join(self) -> None:
        """Wait until the work has ended. Raises nothing, see `error`. Returns at once before
        `start`."""
        while self._done is not None and not self._done.done():
            wait([self._done], WAKE_S)

    def _run(self) -> None:
        try:
            with suppress(QueueAborted):
                self._work()
        except BaseException:
            for queue in self._queues:
                queue.abort()
            raise
