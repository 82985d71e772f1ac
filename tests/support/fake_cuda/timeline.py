"""Streams and events of the fake CUDA device, with vector clocks.

Each stream counts its operations. Its clock says, for every stream, up to which of its operations
the next one is certain to come after (Fidge 1988, Mattern 1989). Waiting for a stream or event
takes over its clock. So does the host when it waits, and every stream gets the host's clock when
the host launches something on it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from tests.support.fake_cuda.device import FakeCuda

POOL = 32  # torch hands out so many streams of a device in turn (c10/cuda/CUDAStream.cpp)

Moment = tuple["Queue", int]
"""The n-th operation of a stream."""


class Clock:
    """For each stream the number of its operations that are in the past."""

    def __init__(self) -> None:
        self._seen: dict[Queue, int] = {}

    def covers(self, moment: Moment) -> bool:
        queue, number = moment
        return self._seen.get(queue, 0) >= number

    def covers_all(self, other: "Clock") -> bool:
        return all(self.covers(moment) for moment in other._seen.items())

    def take(self, other: "Clock") -> None:
        for queue, number in other._seen.items():
            if self._seen.get(queue, 0) < number:
                self._seen[queue] = number

    def tick(self, queue: "Queue") -> Moment:
        number = self._seen.get(queue, 0) + 1
        self._seen[queue] = number
        return queue, number

    def copy(self) -> "Clock":
        clock = Clock()
        clock._seen = dict(self._seen)
        return clock


class Queue:
    """One stream of the card. Several `Stream` objects may stand for it."""

    def __init__(self, index: int, number: int) -> None:
        self.index, self.number, self.clock = index, number, Clock()

    def __repr__(self) -> str:
        return f"stream {self.number}"


class Timeline:
    """All streams of a card, the current one, and the host's knowledge of them."""

    def __init__(self) -> None:
        self.host = Clock()
        self.recorded: list[Queue] = []
        """The stream of every event that was recorded."""
        self._queues: dict[tuple[int, int], Queue] = {}
        self._query_count = count()
        self._current: list[Queue] = []

    def next_queue(self, index: int) -> Queue:
        return self.queue(index, 1 + next(self._query_count) % POOL)

    def queue(self, index: int, number: int) -> Queue:
        return self._queues.setdefault((index, number), Queue(index, number))

    def current(self, index: int = 0) -> Queue:
        """The queue set last if it belongs to this device, else the device's default stream."""
        return next(
            (queue for queue in reversed(self._current) if queue.index == index),
            self.queue(index, 0),
        )

    @contextmanager
    def within(self, queue: Queue) -> Iterator[None]:
        self._current.append(queue)
        try:
            yield
        finally:
            self._current.pop()

    def launch(self) -> Moment:
        """The moment of the next operation on the current stream."""
        queue = self.current()
        queue.clock.take(self.host)
        return queue.clock.tick(queue)

    def everything(self) -> Clock:
        clock = Clock()
        for queue in self._queues.values():
            clock.take(queue.clock)
        return clock


class Stream:
    """Fake torch.cuda.Stream: equal if it is the same stream of the same device. `card` is set by a
    subclass."""

    __slots__ = (
        "__dict__",
    )  # no weak references: before torch 2.13 those to a stream end the process
    card: "FakeCuda"

    def __init__(
        self, device: Any = None, priority: int = 0, *, queue: Queue | None = None
    ) -> None:
        """The next stream of the device's pool, or that of `queue`."""
        self.queue = queue or self.card.timeline.next_queue(index_of(device))

    def wait_stream(self, stream: "Stream") -> None:
        self.queue.clock.take(stream.queue.clock)

    def synchronize(self) -> None:
        self.card.host_waits(self.queue.clock, "stream.synchronize")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self.queue is other.queue

    def __hash__(self) -> int:
        return hash(self.queue)


class Event:
    """Fake torch.cuda.Event. `card` is set by a subclass."""

    card: "FakeCuda"

    def __init__(self, enable_timing: bool = False, blocking: bool = False) -> None:
        self._is_timed = enable_timing
        self.clock = Clock()

    def record(self, stream: Stream | None = None) -> None:
        queue = stream.queue if stream else self.card.timeline.current()
        queue.clock.take(self.card.timeline.host)
        self.clock = queue.clock.copy()
        self.card.timeline.recorded.append(queue)

    def synchronize(self) -> None:
        self.card.host_waits(self.clock, "event.synchronize")

    def elapsed_time(self, end: "Event") -> float:
        """1.0 ms always. Fails as torch's does for events without timing."""
        if not (self._is_timed and end._is_timed):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        return 1.0


def index_of(device: Any) -> int:
    """The index of a device in any form; the first one by default."""
    if device is None:
        return 0
    return device if isinstance(device, int) else torch.device(device).index or 0
