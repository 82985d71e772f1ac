"""The order in which looks were sent: the newest one wins, though an older one had to be read from the disk first.

A preset whose file is new, or lies on a disk that hangs, is found a while after its command. Without an order it would
then replace what was sent meanwhile.
"""

import threading
from dataclasses import dataclass

from engine.params import ParamStore
from engine.params.store import PANIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """When a look was sent."""

    number: int
    panics: object


class LookOrder:
    """Any thread."""

    def __init__(self, store: ParamStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._last = self._newest = 0
        self._by = ""

    def sent(self) -> Sent:
        """Call it when a look is sent."""
        with self._lock:
            self._last += 1
            return Sent(number=self._last, panics=self._store.get(PANIC))

    def arrive(self, sent: Sent, by: str) -> str:
        """Name of what has superseded the look meanwhile; "" if it is the newest one, and now supersedes older ones as
        `by`."""
        with self._lock:
            if sent.number < self._newest:
                return self._by
            if sent.panics != self._store.get(PANIC):
                return PANIC
            self._newest, self._by = sent.number, by
            return ""
