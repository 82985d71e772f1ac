"""Memory of the fake CUDA device: who wrote and read it last, and when it may be freed or
overwritten. A pool of captured graphs is memory where a graph's replay overwrites the results of
another."""

import weakref
from itertools import count
from typing import TYPE_CHECKING

from tests.support.fake_cuda.ledger import FaultKind
from tests.support.fake_cuda.timeline import Moment, Queue

if TYPE_CHECKING:
    from tests.support.fake_cuda.device import FakeCuda

_numbers = count(1)


class Pool:
    """A pool of captured graphs; a region for each stream of a capture.

    A capture takes memory from its pool, and what is released during the captures is used again by
    the later ones. So two blocks of a pool can have the same address, unless both were alive at
    some time. The allocator gives a freed block only to the stream that it was allocated on
    (get_free_block in c10/cuda/CUDACachingAllocator.cpp): graphs that were captured on different
    streams share no addresses.
    """

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
        """The number of a graph that may use the same place and was replayed after this block's
        graph, or None."""
        for other in self.graph.region.graphs:
            if other is self.graph or other.replayed <= self.graph.replayed:
                continue
            is_earlier_place = other.first_release is not None and other.first_release < self.born
            is_later_place = self.died is not None and self.died < other.last_allocation
            if is_earlier_place or is_later_place:
                return other.number
        return None


class History:
    """The accesses to one piece of memory that a later one must come after."""

    def __init__(self, card: "FakeCuda", block: Block | None = None) -> None:
        self._card = card
        self.block = block
        """Its place in a graph's pool, or None."""
        self.is_freed = False
        self._written: Moment | None = None
        self._read: dict[Queue, int] = {}

    def read(self, now: Moment, what: str) -> None:
        queue, number = now
        if self.block is not None and (other := self.block.overwritten_by()):
            owner = self.block.graph.number
            self._card.ledger.fault(
                FaultKind.POOL_OVERWRITTEN,
                f"{what} reads memory of graph {owner}, where graph {other} wrote since",
            )
        if self._written is not None and not queue.clock.covers(self._written):
            self._race(f"{what} on {queue} reads what {self._written[0]} writes")
        self._read[queue] = number

    def write(self, now: Moment, what: str) -> None:
        queue, _ = now
        if self._written is not None and not queue.clock.covers(self._written):
            self._race(f"{what} on {queue} overwrites what {self._written[0]} writes")
        for moment in self._read.items():
            if not queue.clock.covers(moment):
                self._race(f"{what} on {queue} overwrites what {moment[0]} reads")
        self._written = now
        self._read.clear()

    def users(self, queue: Queue) -> set[Queue]:
        """Other streams with an access that is not certain to be complete when `queue`
        continues."""
        moments = [*self._read.items(), *([self._written] if self._written else [])]
        return {moment[0] for moment in moments if not queue.clock.covers(moment)}

    def _race(self, what: str) -> None:
        self._card.ledger.fault(FaultKind.RACE, what)


class Memory:
    """One storage of the card, shared by its tensors and freed with the last one. A graph stores
    only its history."""

    def __init__(self, card: "FakeCuda", queue: Queue, block: Block | None) -> None:
        self._card = card
        self.history = History(card, block)
        self.allocated_on = queue
        self.recorded_on: set[Queue] = set()
        """Streams for which the allocator keeps the memory after it is freed (`record_stream`)."""

    def __del__(self) -> None:
        self.history.is_freed = True
        if self.history.block is not None:
            self.history.block.release()
        else:
            self._card.allocator.free(self)


class Allocator:
    """A fake of torch's caching allocator, as far as streams notice it. Freed memory is given to
    the next allocation of the stream that it was allocated on, even if another one still uses it
    (torch's notes/cuda.html, "CUDA streams")."""

    def __init__(self, card: "FakeCuda") -> None:
        self._card = card
        self._freed: dict[Queue, list[tuple[History, set[Queue]]]] = {}

    def free(self, memory: Memory) -> None:
        users = memory.history.users(memory.allocated_on) - memory.recorded_on
        if users:
            self._freed.setdefault(memory.allocated_on, []).append((memory.history, users))

    def allocate(self, queue: Queue) -> None:
        for history, users in self._freed.pop(queue, ()):
            for other in users & history.users(queue):
                self._card.ledger.fault(
                    FaultKind.FREED_TOO_EARLY,
                    f"{queue} allocates memory that {other} may still be using",
                )
