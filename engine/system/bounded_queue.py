"""A bounded queue between two threads. It can be ended or aborted, and counts the time each side waited."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

WAKE_S = 0.1  # how soon a waiting main thread notices a signal: on Windows a lock alone would sleep through it


class QueueAborted(Exception):
    """The other side called `abort`. Caught where threads are joined; never goes further."""


class BoundedQueue(Generic[Item]):
    """Holds at most `max_items`. One thread puts, one takes."""

    def __init__(self, max_items: int) -> None:
        self.max_items = max_items
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._is_ended = self._is_aborted = False
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
            self.put_wait_s += self._wait(lambda: len(self._items) < self.max_items or self._is_aborted)
            if self._is_aborted:
                raise QueueAborted
            self._items.append(item)
            self._changed.notify_all()

    def end(self) -> None:
        """Say that no more items come. Those in the queue are still taken."""
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
    """A thread that keeps its error for the thread that joins it, and then aborts its queues."""

    def __init__(self, name: str, work: Callable[[], None], *queues: BoundedQueue[Any]) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._queues = queues
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        while self._thread.is_alive():
            self._thread.join(WAKE_S)

    def _run(self) -> None:
        try:
            self._work()
        except QueueAborted:
            pass
        except Exception as error:  # the top of a thread: the joining thread raises it
            self.error = error
            for queue in self._queues:
                queue.abort()
