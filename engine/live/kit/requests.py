"""Queue of requests to a child that take a while, such as loading another model, and the request in force meanwhile."""

import threading
from collections import deque
from typing import Generic, TypeVar

Request = TypeVar("Request")


class Requests(Generic[Request]):
    """Thread-safe. Requests end in the order in which they were made."""

    def __init__(self, in_force: Request) -> None:
        self._in_force = in_force
        self._open: deque[Request] = deque()
        self._lock = threading.Lock()

    def begin(self, asked: Request) -> None:
        with self._lock:
            self._open.append(asked)

    def end(self, is_done: bool) -> tuple[Request, bool]:
        """End the oldest request. Returns it, and True if no other is pending. If `is_done`, it is now in force."""
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
        """The newest pending request; if none is pending, the one in force."""
        with self._lock:
            return self._open[-1] if self._open else self._in_force
