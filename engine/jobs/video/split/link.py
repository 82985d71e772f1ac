"""Passes batches from one process to the next: shared memory for pixels and latents, a pipe for small messages.

The memory has a few slots of equal size. The producer waits for a free slot, fills it and sends its number over the
pipe; the consumer processes the slot and sends the number back. So the queue is bounded by the number of slots, nothing
is pickled, and the pipe keeps the order. If one end dies, its pipe is closed and the other end notices at once,
provided that no other process holds a copy of that end. Between the last store into a slot and the first load from it
there are system calls, which order them: no fence is needed.

A third process creates the memory, passes its name to both ends, and reads the counters in its header.
"""

import math
import struct
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Final

import numpy as np

from engine.errors import PipeClosedError
from engine.ipc import layout
from engine.ipc.owned_segment import OwnedSegment, open_segment
from engine.ipc.ring_folder import RingFolder, system_folder
from engine.ipc.segment import MappedSegment
from engine.jobs.video.stages import STAGES

SLOTS: Final = 2  # one is processed while the next is filled

GIVEN: Final = struct.Struct("<iqi")  # slot, batch number, number of pictures
TAKEN: Final = struct.Struct("<i")  # slot
NO_SLOT: Final = -1  # after the last batch

Fields = tuple[tuple[str, tuple[int, ...], str], ...]
"""Name, shape and dtype of each array in a slot, in order."""

_KIND: Final = layout.BATCH_LINK
_COUNTED: Final = _KIND.word("given"), _KIND.word("taken"), _KIND.word("frames")
_SECONDS: Final = {stage: _KIND.word(f"{stage}_s") for stage in STAGES}
_MEMORY: Final = _KIND.word("memory_mb")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPlan:
    """Memory layout of a link, known to both ends."""

    segment: str
    slots: int
    fields: Fields

    @property
    def slot_bytes(self) -> int:
        return _in_pages(sum(_in_pages(_bytes(shape, dtype)) for _, shape, dtype in self.fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFigures:
    """Counters of a link."""

    given: int = 0
    waiting: int = 0
    """Batches in the queue."""
    frames: int = 0
    """Pictures in the batches that were passed on."""
    seconds: Mapping[str, float]
    """Seconds of the producer's work on them, one per item of STAGES."""
    memory_mb: float = 0.0
    """Device memory of the producer."""


class LinkMemory:
    """A link's memory, in the process that creates and deletes it. `figures` is thread-safe."""

    def __init__(
        self,
        name: str,
        fields: Fields,
        *,
        slots: int = SLOTS,
        folder: RingFolder | None = None,
    ) -> None:
        """SharedMemoryError if there is no room."""
        plan = LinkPlan(segment="", slots=slots, fields=fields)
        size = layout.HEADER_BYTES + slots * plan.slot_bytes
        self.memory = OwnedSegment(_KIND, name, size, folder or system_folder())
        self.plan = LinkPlan(segment=self.memory.name, slots=slots, fields=fields)
        self._words = _Words(self.memory.buf)
        self._is_open = True

    def figures(self) -> LinkFigures:
        """The counters; after `close` their last values."""
        return self._words.figures()

    def close(self) -> None:
        """Unlink and unmap the memory. Idempotent."""
        if not self._is_open:
            return
        self._is_open = False
        self._words.keep()
        with suppress(BufferError):  # an end in this process still uses arrays in it; the mapping is released with them
            self.memory.close()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slot:
    """One batch in the shared memory."""

    index: int
    arrays: Mapping[str, np.ndarray]
    number: int = 0
    """Number of the batch, from 0 in each stream."""
    pictures: int = 0
    """Pictures in the batch; further rows are padding."""


class _End:
    """Common part of both ends. Single-threaded."""

    def __init__(self, plan: LinkPlan, connection: Connection, memory: MappedSegment | None = None) -> None:
        """`memory`: the existing mapping, if this process has one. SharedMemoryError if its creator is gone."""
        self.connection = connection
        """For `multiprocessing.connection.wait`: ready when the other end has sent a message or is gone."""
        self._memory = memory or open_segment(_KIND, plan.segment, is_writable=True)
        self._is_mapped_here = memory is None
        self._words = _Words(self._memory.buf)
        self._arrays = [self._slot(plan, layout.HEADER_BYTES + i * plan.slot_bytes) for i in range(plan.slots)]

    def close(self) -> None:
        """Close the pipe, which unblocks the other end, and release the memory."""
        self.connection.close()
        self._arrays = []
        self._words.keep()
        if self._is_mapped_here:
            with suppress(BufferError):
                self._memory.close()

    def _slot(self, plan: LinkPlan, offset: int) -> dict[str, np.ndarray]:
        arrays = {}
        for name, shape, dtype in plan.fields:
            flat = np.frombuffer(self._memory.buf, dtype, math.prod(shape), offset)
            arrays[name] = flat.reshape(shape)
            offset += _in_pages(_bytes(shape, dtype))
        return arrays

    def _send(self, message: bytes) -> None:
        try:
            self.connection.send_bytes(message)  # never blocks: at most a few messages are unread
        except OSError as error:
            raise _gone(error) from error

    def _receive(self, message: struct.Struct) -> tuple[int, ...]:
        try:
            return message.unpack(self.connection.recv_bytes(message.size))
        except (OSError, EOFError) as error:
            raise _gone(error) from error


class Producer(_End):
    """The producing end. Every call raises PipeClosedError once the consumer is gone."""

    def __init__(self, plan: LinkPlan, connection: Connection, memory: MappedSegment | None = None) -> None:
        super().__init__(plan, connection, memory)
        self._free = deque(range(plan.slots))

    def has_room(self, timeout_s: float) -> bool:
        """True if `room` would not block; waits for that up to `timeout_s`."""
        return bool(self._free) or self._has_news(timeout_s)

    def room(self) -> Slot:
        """A slot to fill; blocks until the consumer has released one."""
        while not self._free or self._has_news(0.0):
            self._free.append(self._receive(TAKEN)[0])
        index = self._free[0]
        return Slot(index=index, arrays=self._arrays[index])

    def give(
        self,
        slot: Slot,
        *,
        number: int,
        pictures: int,
        seconds: Mapping[str, float] = MappingProxyType({}),
        memory_mb: float = 0.0,
    ) -> None:
        """Pass on a filled slot from `room`. `seconds`: work on it, by stage; `memory_mb`: as in LinkFigures."""
        self._words.tell(seconds, memory_mb)
        self._words.add(given=1, frames=pictures)
        self._send(GIVEN.pack(slot.index, number, pictures))
        self._free.popleft()

    def end(self) -> None:
        """End this stream. Another may follow."""
        self._send(GIVEN.pack(NO_SLOT, 0, 0))

    def _has_news(self, timeout_s: float) -> bool:
        try:
            return self.connection.poll(timeout_s)
        except OSError as error:  # Windows: the other end is gone
            raise _gone(error) from error


class Consumer(_End):
    """The consuming end. Every call raises PipeClosedError once the producer is gone and all its batches are taken."""

    def take(self) -> Slot | None:
        """The next batch, or None at the end of the stream. Blocks. Return it with `give_back`."""
        index, number, pictures = self._receive(GIVEN)
        if index == NO_SLOT:
            return None
        self._words.add(taken=1)
        return Slot(index=index, arrays=self._arrays[index], number=number, pictures=pictures)

    def give_back(self, slot: Slot) -> None:
        """Release the slot to the producer."""
        self._send(TAKEN.pack(slot.index))


class _Words:
    """The header's words. Each has only one writer, so plain loads and stores suffice."""

    def __init__(self, buf: memoryview) -> None:
        self._counts = np.frombuffer(buf, np.uint64, layout.PAGE_BYTES // 8)
        self._floats = self._counts.view(np.float64)

    def add(self, *, given: int = 0, taken: int = 0, frames: int = 0) -> None:
        for word, more in zip(_COUNTED, (given, taken, frames), strict=True):
            if more:
                self._counts[word] += np.uint64(more)

    def tell(self, seconds: Mapping[str, float], memory_mb: float) -> None:
        for stage, more in seconds.items():
            self._floats[_SECONDS[stage]] += more
        self._floats[_MEMORY] = memory_mb

    def figures(self) -> LinkFigures:
        taken, given = (int(self._counts[word]) for word in (_COUNTED[1], _COUNTED[0]))  # `taken` never exceeds `given`
        return LinkFigures(
            given=given,
            waiting=given - taken,
            frames=int(self._counts[_COUNTED[2]]),
            seconds={stage: float(self._floats[word]) for stage, word in _SECONDS.items()},
            memory_mb=float(self._floats[_MEMORY]),
        )

    def keep(self) -> None:
        """Copy the words before the memory is unmapped."""
        self._counts = self._counts.copy()
        self._floats = self._counts.view(np.float64)


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def _in_pages(size: int) -> int:
    return -(-size // layout.PAGE_BYTES) * layout.PAGE_BYTES


def _gone(error: OSError | EOFError) -> PipeClosedError:
    return PipeClosedError(f"batch link: the other end is gone ({getattr(error, 'strerror', None) or error or 'EOF'})")
