"""What readers see of a child, and when its rings are closed: not before somebody else's are shown in their place."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from engine.children.process import Child, Ring


class Published:
    """For the supervisor's thread, but for `segments`."""

    def __init__(self) -> None:
        self.segments: Mapping[str, str] = MappingProxyType({})
        """Name -> segment; never changed, but replaced by `settle` when something else is shown."""
        self._shown: dict[str, Ring] = {}
        self._rings: set[Ring] = set()

    def show(self, outputs: Mapping[str, Ring]) -> None:
        """These instead of those before."""
        self._shown = dict(outputs)

    def withdraw(self) -> None:
        """Show nothing any more."""
        self._shown = {}

    def settle(self, *, living: Iterable[Child], ended: Iterable[Child]) -> None:
        """Take over the rings that were made, and close what is neither shown nor written any more."""
        needed = set(self._shown.values())
        for child in living:
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
