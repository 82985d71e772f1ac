"""A thread that works on the newest item only, such as the picture of a frame."""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from engine.system.guarded_thread import Guard, GuardedThread

Item = TypeVar("Item")


class NewestThread(Generic[Item]):
    """A worker thread with a queue of one: a newer item replaces a waiting one. Use it on one
    thread."""

    def __init__(self, name: str, work: Callable[[Item], object], guard: Guard) -> None:
        """work: Called with each item on the thread, which starts with the first item. guard: Gets
        its errors."""
        self._work = work
        self._guard = guard
        self._items: deque[Item] = deque(maxlen=1)
        self._wake = threading.Event()
        self._is_working = False
        self._is_closed = False
        self._thread = GuardedThread(name, self._run, guard)

    @property
    def is_busy(self) -> bool:
        """True while an item waits, or is worked on."""
        return bool(self._items) or self._is_working

    def submit(self, item: Item) -> None:
        self._items.append(item)
        self._wake.set()
        if not self._thread.is_started:
            self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while self._wake.wait() and not self._is_closed:
            self._wake.clear()
            while self._items and not self._is_closed:
                self._is_working = True  # before it is taken, so that it is never neither
                self._guard.attempt(partial(self._work, self._items.popleft()))
                self._is_working = False
