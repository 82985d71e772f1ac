"""The rings of a child that readers see. A ring is closed only after its replacement was published."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from engine.children.process import Child, Ring


class Published:
    """Used on the supervisor's thread; `segments` may be read on any."""

    def __init__(self) -> None:
        self.segments: Mapping[str, str] = MappingProxyType({})
        """Segment by name. Never modified; `update` replaces it when other rings are published."""
        self._shown: dict[str, Ring] = {}
        self._rings: set[Ring] = set()

    def publish(self, outputs: Mapping[str, Ring]) -> None:
        """Publish these rings instead of the previous ones."""
        self._shown = dict(outputs)

    def withdraw(self) -> None:
        """Unpublish everything."""
        self._shown = {}

    def update(self, *, running: Iterable[Child], ended: Iterable[Child]) -> None:
        """Take over new rings, and close those that are no longer published or written."""
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
