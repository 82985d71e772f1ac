"""Decides which values to send to a child: those set since the last frame, and those that
modulation moves."""

from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Any, Final

import osc_schema
from engine.params import Snapshot

NOTHING: Mapping[str, Any] = MappingProxyType({})
SMALL_STEP = (
    1 / 256
    # fraction of the range: a smaller change is not visible, but each value sent costs the child
    # work
)
GENERATION: Final = "generation"
"""Key of the generation among a child's values. The child attaches it to each picture made with
these values."""


class SentValues:
    """Tracks the values that were sent to a child. Render thread."""

    def __init__(self, child: str, *, obsoleting: Set[str] = frozenset()) -> None:
        """`obsoleting`: addresses whose change makes all earlier pictures unusable, such as the
        picture size."""
        self.snapshot: Snapshot | None = None
        """The snapshot sent last; None before the first."""
        self.generation = 0
        """Incremented by each obsoleting change, and by `mark`."""
        self.valid_from = 0
        """A picture of a lower generation must not be shown: an obsoleting change came after it."""
        self.addresses = frozenset(
            param.address for param in osc_schema.PARAMS if param.child == child
        )
        self._obsoleting = obsoleting
        self._moved = NOTHING
        self._is_marked = False

    def mark(self) -> int:
        """Begin a generation: that of the pictures made with the next changes, and all later
        ones."""
        self._is_marked = True
        self.generation += 1
        return self.generation

    def changes(self, snapshot: Snapshot, moved: Mapping[str, Any] = NOTHING) -> Mapping[str, Any]:
        """The values that differ from the last call, by address; on the first call all values.
        `moved`: values that are used in place of the set ones, by modulation or ahead of their
        beat. When that ends, the set value is sent again. A new generation is one of them."""
        if snapshot is self.snapshot and not moved and not self._moved:
            return NOTHING
        changed = (
            self.addresses
            if self.snapshot is None
            else self.addresses & set(snapshot.changed_from(self.snapshot))
        )
        changed = changed.union(self._moved)
        self._moved = {
            address: _unless_small(address, self._moved.get(address), value)
            for address, value in moved.items()
            if address in self.addresses
        }
        self.snapshot = snapshot
        values = {address: snapshot[address] for address in changed} | self._moved
        if not self._obsoleting.isdisjoint(values):
            self.valid_from = self.mark()
        if self._is_marked:
            values[GENERATION] = self.generation
            self._is_marked = False
        return values


def _unless_small(address: str, sent: Any, value: Any) -> Any:
    """`value`, or the value sent last if it is close to it."""
    param = osc_schema.lookup(address)
    if sent is None or param is None or not param.can_glide:
        return value
    return value if abs(value - sent) > SMALL_STEP * (param.high - param.low) else sent
