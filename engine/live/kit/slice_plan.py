"""Decides which pieces of a call run as one slice, by the time that each took before. Pure."""

from collections.abc import Hashable
from itertools import islice

KEPT_CALLS = 32  # kinds, such as sizes and numbers of tracked objects, whose pieces are remembered
LEARNT = 0.5  # share of a new measurement in the time of a piece


class SlicePlan:
    """The pieces of a call, in order, and the milliseconds that each is expected to take. Single thread.

    A piece that was never measured is a slice of its own. When several pieces were one slice, the difference to what
    was expected is spread over them in proportion.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, dict[int, float]] = {}
        self._kind: Hashable = None
        self._pieces_ms: dict[int, float] = {}
        self._first = self._next = 0
        """Index of the first piece of the slice under way, and of the one that comes after it."""
        self._is_odd = False

    @property
    def first_ms(self) -> float:
        """The expected time of the piece that comes next; 0 if it was never measured."""
        return self._pieces_ms.get(self._next, 0.0)

    def begin_call(self, kind: Hashable) -> None:
        """Begin with the first piece. Calls of the same `kind` have the same pieces."""
        self._kind, self._pieces_ms = kind, self._known.pop(kind, {})
        self._known[kind] = self._pieces_ms
        for oldest in list(islice(self._known, max(0, len(self._known) - KEPT_CALLS))):
            del self._known[oldest]
        self._first = self._next = 0
        self._is_odd = False

    def change_kind(self, kind: Hashable) -> None:
        """Call in the first piece if the call may be of another kind than was said. If it is, the first piece is not
        learnt from: it has prepared the new kind."""
        if kind != self._kind:
            self.begin_call(kind)
            self._is_odd = True

    def fits_next(self, limit_ms: float) -> bool:
        """End a piece. True if the next one fits into the same slice of at most `limit_ms`."""
        self._next += 1
        expected_ms = [self._pieces_ms.get(place) for place in range(self._first, self._next + 1)]
        return None not in expected_ms and sum(filter(None, expected_ms)) <= limit_ms

    def end_call(self) -> None:
        """End the last piece."""
        self._next += 1

    def forget_slice(self) -> None:
        """The slice under way is not like those to come."""
        self._is_odd = True

    def learn(self, slice_ms: float) -> None:
        """End the slice: all pieces since the last one took `slice_ms` together."""
        places = range(self._first, self._next)
        self._first = self._next
        if self._is_odd:
            self._is_odd = False
            return
        if len(places) == 1 and places[0] not in self._pieces_ms:
            self._pieces_ms[places[0]] = slice_ms
            return
        expected_ms = sum(self._pieces_ms[place] for place in places)
        for place in places:
            share = self._pieces_ms[place] / expected_ms if expected_ms else 1 / len(places)
            self._pieces_ms[place] += LEARNT * share * (slice_ms - expected_ms)
