"""The order in which looks were sent, so that the newest one wins even if an older one is read from
the disk later.

A preset whose file is new, or lies on a disk that hangs, is found a while after its command.
Without an order it would then replace what was sent meanwhile.
"""

import threading
from dataclasses import dataclass

from engine.params import ParamStore
from engine.params.store import PANIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Records when a look was sent, relative to other looks and panics."""

    number: int
    panics: object


class LookOrder:
    """Issues tickets to looks and decides which one is the newest. Any thread."""

    def __init__(self, store: ParamStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._last = 0
        self._newest = 0
        self._by = ""

    def new_ticket(self) -> Ticket:
        """A ticket for a look that is sent now."""
        with self._lock:
            self._last += 1
            return Ticket(number=self._last, panics=self._store.get(PANIC))

    def arrive(self, ticket: Ticket, by: str) -> str:
        """Name of what has superseded the look meanwhile; "" if it is the newest one, which from
        now on supersedes older ones under the name `by`."""
        with self._lock:
            if ticket.number < self._newest:
                return self._by
            if ticket.panics != self._store.get(PANIC):
                return PANIC
            self._newest = ticket.number
            self._by = by
            return ""
