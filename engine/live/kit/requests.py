"""Requests to a child that take a while, such as another model: their order, and what is in force until they end."""

import threading
from collections import deque
from typing import Generic, TypeVar

Request = TypeVar("Request")


class Requests(Generic[Request]):
    """Any thread. Requests end in the order in which they were made."""

    def __init__(self, in_force: Request) -> None:
        self._in_force = in_force
        self._open: deque[Request] = deque()
        self._lock = threading.Lock()

    def begin(self, asked: Request) -> None:
        with self._lock:
            self._open.append(asked)

    def end(self, is_done: bool) -> tuple[Request, bool]:
        """End the oldest request: returns it, and True if no other is open. If it is done, it is in force now."""
        with self._lock:
            asked = self._open.popleft()
            if is_done:
                self._in_force = asked
            return asked, not self._open

    @property
    def in_force(self) -> Request:
        with self._lock:
            return self._in_force

    @property
    def newest(self) -> Request:
        """The request made last; if none is open, the one in force."""
        with self._lock:
            return self._open[-1] if self._open else self._in_force
