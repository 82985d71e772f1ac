"""Messages to every subscriber, queued by any thread and sent in the next turn of the sending thread.

The queue needs neither the store nor a socket, so it is built before the parts that announce something.
"""

from collections import deque
from typing import Protocol

from engine.osc.encode import ReplyValue

MAX_QUEUED = 256

Announcement = tuple[str, tuple[ReplyValue, ...]]


class Tell(Protocol):
    """`tell(address, *values)`: sends a message to every subscriber. Any thread; never waits."""

    def __call__(self, address: str, *values: ReplyValue) -> None: ...


class Announcements:
    """A bounded queue; when it is full, the oldest message is dropped. Takes no lock, because callers may hold one."""

    def __init__(self) -> None:
        self._queue: deque[Announcement] = deque(maxlen=MAX_QUEUED)

    def tell(self, address: str, *values: ReplyValue) -> None:
        self._queue.append((address, values))

    def warn(self, line: str) -> None:
        """Send a log line as `/engine/warning <line>`."""
        self.tell("/engine/warning", line)

    def take(self) -> list[Announcement]:
        """Remove and return all queued messages, oldest first. The sending thread only."""
        return [self._queue.popleft() for _ in range(len(self._queue))]

    def clear(self) -> None:
        self._queue.clear()
