"""Datagrams that have been read and not yet executed, in two generations.

While few wait, they are executed in the order of their arrival. When more than 512 wait, which is more than a quarter
of a frame's time, a `Sieve` leaves out those that newer ones replace.

Values that are replaced again and again must not move to the back of the queue for ever. So datagrams that arrive while
others wait form the next generation: it is sifted and executed only when the one before is finished. A generation holds
little more than one message for each parameter, so it is finished within a frame, and each value is delayed by two
generations at most. Queries at the end of a generation come after everything that arrived before them.
"""

from typing import Final

from engine.control.flood import Datagram, Sieve, Sifted

MAX_IN_ORDER: Final = 512  # waiting datagrams that are executed without being sifted: 4 ms
SIFTED_AT: Final = 8192  # in the next generation, which is then sifted early, to bound the memory
SIFTED_AT_BYTES: Final = 16 << 20


class Backlog:
    """Filled and emptied by the receiving thread."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._current: list[Datagram] = []  # newest first, so that the next one is taken from the end
        self._next: list[Datagram] = []
        self._next_bytes = 0
        self._sifted_at, self._sifted_at_bytes = SIFTED_AT, SIFTED_AT_BYTES

    def __len__(self) -> int:
        return len(self._current) + len(self._next)

    def add(self, datagrams: list[Datagram]) -> Sifted | None:
        """Add datagrams in the order of their arrival. Returns what was left out, if it had to sift."""
        self._next += datagrams
        self._next_bytes += sum([len(datagram[0]) for datagram in datagrams])
        if len(self._next) < self._sifted_at and self._next_bytes < self._sifted_at_bytes:
            return None
        sifted = self._sieve.sift(self._next)
        self._next = sifted.kept
        self._next_bytes = sum([len(datagram[0]) for datagram in sifted.kept])
        # At least as much again must arrive before the next time, so that each datagram is sifted twice on average.
        self._sifted_at = 2 * len(self._next) + SIFTED_AT
        self._sifted_at_bytes = 2 * self._next_bytes + SIFTED_AT_BYTES
        return sifted

    def begin_generation(self) -> Sifted | None:
        """If the current generation is finished, continue with the next. Returns what was left out, if it sifted."""
        if self._current or not self._next:
            return None
        sifted = self._sieve.sift(self._next) if len(self._next) > MAX_IN_ORDER else None
        self._current = (self._next if sifted is None else sifted.kept)[::-1]
        self._next, self._next_bytes = [], 0
        self._sifted_at, self._sifted_at_bytes = SIFTED_AT, SIFTED_AT_BYTES
        return sifted

    def take(self, most: int) -> list[Datagram]:
        """Remove and return at most `most` datagrams of the current generation, in the order of execution."""
        taken = self._current[: -most - 1 : -1]
        del self._current[-most:]
        return taken
