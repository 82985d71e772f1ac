"""Decides which values to send to a child: those set since the last frame, and those that modulation moves."""

from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Any, Final

import osc_schema
from engine.params import Snapshot

NOTHING: Mapping[str, Any] = MappingProxyType({})
SMALL_STEP = 1 / 256  # share of the range: a smaller change is not visible, but each value sent costs the child work
GENERATION: Final = "generation"
"""Key of the generation among a child's values. The child attaches it to each picture made with these values."""


class SentValues:
    """Render thread."""

    def __init__(self, child: str, *, obsoleting: Set[str] = frozenset()) -> None:
        """`obsoleting`: addresses whose change makes all earlier pictures unusable, such as the picture size."""
        self.snapshot: Snapshot | None = None
        """The snapshot sent last; None before the first."""
        self.generation = 0
        """Incremented by each obsoleting change. A picture of a lower generation must not be shown."""
        self._addresses = frozenset(param.address for param in osc_schema.PARAMS if param.child == child)
        self._obsoleting = obsoleting
        self._moved = NOTHING

    def changes(self, snapshot: Snapshot, moved: Mapping[str, float] = NOTHING) -> Mapping[str, Any]:
        """The values that differ from the last call, by address; on the first call all values.

        `moved`: values that modulation changes in this frame. When modulation stops, the set value is sent again. An
        obsoleting change includes the new generation.
        """
        if snapshot is self.snapshot and not moved and not self._moved:
            return NOTHING
        changed = (
            self._addresses if self.snapshot is None else self._addresses & set(snapshot.changed_from(self.snapshot))
        )
        changed = changed.union(self._moved)
        self._moved = {
            address: _unless_small(address, self._moved.get(address), value)
            for address, value in moved.items()
            if address in self._addresses
        }
        self.snapshot = snapshot
        values = {address: snapshot[address] for address in changed} | self._moved
        if not self._obsoleting.isdisjoint(values):
            self.generation += 1
            values[GENERATION] = self.generation
        return values


def _unless_small(address: str, sent: float | None, value: float) -> float:
    """`value`, or the value sent last if it is close to it."""
    param = osc_schema.lookup(address)
    if sent is None or param is None or abs(value - sent) > SMALL_STEP * (param.high - param.low):
        return value
    return sent
