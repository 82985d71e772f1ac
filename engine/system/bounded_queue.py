"""A bounded queue from one thread to another: with an end, a breaking off, and the time each side waited."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

WAKE_S = 0.1  # how soon a waiting main thread notices a signal: on Windows a lock alone would sleep through it


class BrokenOffError(Exception):
    """The other side has given up. It is caught where threads are joined and never goes further."""


class Handover(Generic[Item]):
    """At most `most` items wait. One thread puts, one takes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._is_ended = self._is_broken = False
        self.take_wait_s = 0.0
        """Seconds the taking side has waited for an item or the end."""
        self.empty_takes = 0
        """How often it had to."""
        self.put_wait_s = 0.0
        """Seconds the putting side has waited for room."""

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_done(self) -> bool:
        """Whether everything was put and taken."""
        return self._is_ended and not self._items and not self._is_broken

    def put(self, item: Item) -> None:
        """Waits for room. BrokenOffError when nobody will take it."""
        with self._changed:
            self.put_wait_s += self._wait(lambda: len(self._items) < self.most or self._is_broken)
            if self._is_broken:
                raise BrokenOffError
            self._items.append(item)
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more comes; what waits is still taken."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def break_off(self) -> None:
        """For both sides: what waits is dropped, and neither waits any longer."""
        with self._changed:
            self._is_broken = True
            self._items.clear()
            self._changed.notify_all()

    def items(self, is_stopped: Callable[[], bool] = lambda: False) -> Iterator[Item]:
        """What was put, until the end or until `is_stopped`. BrokenOffError when it is broken off."""
        while not is_stopped():
            with self._changed:
                self.empty_takes += not self._items and not self._is_ended
                self.take_wait_s += self._wait(
                    lambda: bool(self._items) or self._is_ended or self._is_broken or is_stopped()
                )
                if self._is_broken:
                    raise BrokenOffError
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
    """A thread whose error is kept for the one that joins it; both its handovers are broken off with it."""

    def __init__(self, name: str, work: Callable[[], None], *handovers: Handover[Any]) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._handovers = handovers
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        while self._thread.is_alive():
            self._thread.join(WAKE_S)

    def _run(self) -> None:
        try:
            self._work()
        except BrokenOffError:
            pass
        except Exception as error:  # the top of a thread: raised again by the thread that called
            self.error = error
            for handover in self._handovers:
                handover.break_off()
