"""Outputs that readers see of a child. A ring is closed only after another one was published in its place."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from engine.children.process import Child, Ring


class Published:
    """Used on the supervisor's thread; `segments` may be read on any."""

    def __init__(self) -> None:
        self.segments: Mapping[str, str] = MappingProxyType({})
        """Segment by name. Never changed; `update` puts a new mapping here when something else is published."""
        self._shown: dict[str, Ring] = {}
        self._rings: set[Ring] = set()

    def publish(self, outputs: Mapping[str, Ring]) -> None:
        """Publish these rings in place of those before."""
        self._shown = dict(outputs)

    def withdraw(self) -> None:
        """Publish nothing any more."""
        self._shown = {}

    def update(self, *, running: Iterable[Child], ended: Iterable[Child]) -> None:
        """Take over new rings, and close those that are neither published nor written any more."""
        needed = set(self._shown.values())
        for child in running:
            self._take_over(child)
            needed.update(child.outputs.values())
        for child in ended:
            self._take_over(child)
        segments = {name: ring.segment for name, ring in self._shown.items()}
        if segments != self.segments:
            self.segments = MappingProxyType(segments)
        for ring in self._rings - needed:
            ring.close()
        self._rings &= needed

    def _take_over(self, child: Child) -> None:
        self._rings |= child.new_rings
        child.new_rings = set()
