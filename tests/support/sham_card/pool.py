"""Memory pools of captured graphs: which graph's replay overwrites the results of another.

A capture takes memory from its pool, and what is released during the captures is used again by the later ones. So two
blocks of a pool can have the same address, unless both were alive at some time. The allocator gives a freed block only
to the stream that it was allocated on (get_free_block in c10/cuda/CUDACachingAllocator.cpp): graphs that were captured
on different streams share no addresses.
"""

import weakref
from itertools import count

from tests.support.sham_card.timeline import Queue

_numbers = count(1)


class Pool:
    """One pool; a region for each stream of a capture."""

    def __init__(self) -> None:
        self._regions: dict[Queue, Region] = {}

    def region(self, queue: Queue) -> "Region":
        return self._regions.setdefault(queue, Region())


class Region:
    """Memory for which the captures on one stream compete."""

    def __init__(self) -> None:
        self.graphs: weakref.WeakSet[GraphMemory] = weakref.WeakSet()
        self.changes = 0
        """Allocations and releases so far, the time of a capture."""
        self.replays = 0

    def tick(self) -> int:
        self.changes += 1
        return self.changes


class GraphMemory:
    """What one graph has allocated in its pool."""

    def __init__(self, pool: Pool, queue: Queue) -> None:
        self.number = next(_numbers)
        self.region = pool.region(queue)
        self.region.graphs.add(self)
        self.replayed = 0
        """Number of its last replay among the replays of the region."""
        self.last_allocation = 0
        self.first_release: int | None = None

    def replay(self) -> None:
        self.region.replays += 1
        self.replayed = self.region.replays


class Block:
    """A piece of a graph's memory, with the times when it was allocated and released."""

    def __init__(self, graph: GraphMemory) -> None:
        self.graph = graph
        self.born = graph.region.tick()
        self.died: int | None = None
        graph.last_allocation = self.born

    def release(self) -> None:
        self.died = self.graph.region.tick()
        if self.graph.first_release is None:
            self.graph.first_release = self.died

    def overwritten_by(self) -> int | None:
        """The number of a graph that may use the same place and was replayed after this block's graph, or None."""
        for other in self.graph.region.graphs:
            if other is self.graph or other.replayed <= self.graph.replayed:
                continue
            is_earlier_place = other.first_release is not None and other.first_release < self.born
            is_later_place = self.died is not None and self.died < other.last_allocation
            if is_earlier_place or is_later_place:
                return other.number
        return None
