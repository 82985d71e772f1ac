"""Which values of its parameters a child has to be told: what was set since the last time, what modulation moves."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import osc_schema
from engine.params import Snapshot

NOTHING: Mapping[str, float] = MappingProxyType({})
SMALL_STEP = 1 / 256  # of the range: what modulation moves less is no other picture, and costs the child one


class ToldValues:
    """Frame loop's thread."""

    def __init__(self, child: str) -> None:
        self._addresses = frozenset(param.address for param in osc_schema.PARAMS if param.child == child)
        self._told: Snapshot | None = None
        self._moved = NOTHING

    @property
    def has_told(self) -> bool:
        """Whether anything was asked for before."""
        return self._told is not None

    def news(self, values: Snapshot, moved: Mapping[str, float] = NOTHING) -> Mapping[str, Any]:
        """Address -> value, of what is not as it was when this was asked last; all the first time.

        `moved`: what modulation makes of some values in this frame. What it lets go of is as it was set.
        """
        if values is self._told and not moved and not self._moved:
            return NOTHING
        changed = self._addresses if self._told is None else self._addresses & set(values.changed_from(self._told))
        changed = changed.union(self._moved)
        self._moved = {
            address: _unless_small(address, self._moved.get(address), value)
            for address, value in moved.items()
            if address in self._addresses
        }
        self._told = values
        return {address: values[address] for address in changed} | self._moved


def _unless_small(address: str, told: float | None, value: float) -> float:
    """`value`, or what the child has been told where that is next to it."""
    param = osc_schema.lookup(address)
    if told is None or param is None or abs(value - told) > SMALL_STEP * (param.high - param.low):
        return value
    return told
