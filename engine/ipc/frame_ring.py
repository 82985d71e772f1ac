"""A ring of pictures from one process to others: three slots of shared memory, newest wins, no side
waits.

A queue would copy twice through a pipe (18.8 ms for 1080p RGBA, 0.4 ms here) and make one side
wait; with a lock, a reader that dies while holding it would stop the engine. So the writer cycles
through three slots and stores a counter before and after each picture. A reader copies, then reads
the counters again: if they are unchanged, the copy is whole. That is a seqlock (Lamport 1977; Linux
`seqlock.h`), with three slots so that a reader has two frame times for its copy.

A new size needs a new segment. The old one is marked as moved and names its successor, so a reader
notices at its next poll. It never sees pixels of one size under a header of another. Each frame has
a `generation`: the writer raises it when a prompt or a take changes, and readers may discard frames
of older generations.

The process that makes a ring need not be the one that writes it. The engine makes the rings that
its children write: they survive a child that is killed, with their last picture, and the next child
continues in them.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import futex, layout
from engine.ipc.owned_segment import Fence, MappedSegment, OwnedSegment, open_segment
from engine.ipc.ring_folder import RingFolder, find_ring, is_writer_alive, system_folder, writer_of
from engine.ipc.segment import ForeignSegment

# Indexes into the arrays of 8-byte fields: far faster than those of a structured scalar. Aligned
# ones are accessed whole, never half a counter.
NEWEST = layout.FRAME_RING.field_index("newest")
HEARTBEAT = layout.FRAME_RING.field_index("heartbeat_ns")
NUMBER_BEFORE = layout.FRAME_RING.field_index("number_before")
GENERATION_BEFORE = layout.FRAME_RING.field_index("generation_before")
STATE = 3  # offset 12, in units of 4 bytes
BEGIN, END, INDEX, TIME, GENERATION = range(5)  # of a slot
READ_ATTEMPTS = 3  # the first and two more


class RingBlock:
    """Arrays over a mapped ring. Drop all references before unmapping: arrays keep the memory
    mapped."""

    def __init__(self, buf: memoryview) -> None:
        self.header = np.frombuffer(buf, layout.FRAME_RING.header, 1)[0]
        self.shape = (
            int(self.header["height"]),
            int(self.header["width"]),
            int(self.header["channels"]),
        )
        self.fields = np.frombuffer(buf, np.uint64, layout.HEADER_BYTES // 8)
        self.states = self.fields.view(np.uint32)[STATE : STATE + 1]
        self.newest_address = self.fields[
            NEWEST:
        ].ctypes.data  # its lower half is what readers sleep on
        self.slots: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        """For each slot: its fields, the same as floats (TIME is one), its pixels with shape
        `shape`."""
        for number in range(layout.SLOTS):
            offset = int(self.header["first_slot"]) + number * int(self.header["slot_stride"])
            fields = np.frombuffer(buf, np.uint64, layout.SLOT_PIXELS // 8, offset)
            height, width, channels = self.shape
            pixels = np.frombuffer(
                buf, np.uint8, height * width * channels, offset + layout.SLOT_PIXELS
            )
            self.slots.append((fields, fields.view(np.float64), pixels.reshape(self.shape)))

    @property
    def sequence(self) -> int:
        """Number of the newest whole frame, here or in the segment before a new size; 0 before the
        first."""
        return int(self.fields[NEWEST]) or int(self.fields[NUMBER_BEFORE])

    @property
    def generation(self) -> int:
        """Generation of the newest whole frame, or of the next one if there is none yet."""
        newest = int(self.fields[NEWEST])
        if newest == 0:
            return int(self.fields[GENERATION_BEFORE])
        return int(self.slots[newest % layout.SLOTS][0][GENERATION])


class RingWriter:
    """The only writer of a ring. Use it on one thread at a time. It never waits for readers.
    `FrameRing.write_to` gives one of a ring that another process made, whose RingOwner may write
    while no other process does. Numbers continue after the newest frame, also after a process that
    was killed anywhere in `write`."""

    _block: RingBlock

    def __init__(self, memory: MappedSegment) -> None:
        self._fence = Fence()
        self._memory = memory
        self._block = RingBlock(memory.buf)
        if self._block.states[0] != layout.OPEN:
            self.close()
            raise SharedMemoryError(
                f"frame ring {memory.name}: closed, or moved to another segment"
            )
        self.name = bytes(self._block.header["name"]).decode()
        self.generation = self._block.generation
        """Stored with each frame. `resize` raises it; raise it yourself when older frames must not
        be used."""

    @property
    def segment(self) -> str:
        """Name of the segment, for other processes to attach or write to."""
        return self._memory.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the frames: (height, width, channels)."""
        return self._block.shape

    @property
    def fps(self) -> float:
        """Nominal rate, for readers; 0 if there is none."""
        return float(self._block.header["fps"])

    @fps.setter
    def fps(self, fps: float) -> None:
        self._block.header["fps"] = fps

    @property
    def sequence(self) -> int:
        """Number of the newest whole frame in the ring; 0 before the first."""
        return self._block.sequence

    def write(self, pixels: np.ndarray, *, index: int, time_s: float) -> None:
        """Publish one picture of the ring's shape, uint8, row 0 at the top."""
        # hot path: one copy, no allocation, no lock that another thread takes
        sequence = self._block.sequence + 1
        # copyto would broadcast a single row over the picture
        if pixels.shape != self._block.shape:
            raise SharedMemoryError(
                f"{self.name}: picture {pixels.shape} does not fit ring {self._block.shape}"
            )
        fields, floats, slot_pixels = self._block.slots[sequence % layout.SLOTS]
        try:
            fields[BEGIN] = sequence
            self._fence()
            np.copyto(slot_pixels, pixels, casting="no")
            fields[INDEX] = index
            floats[TIME] = time_s
            fields[GENERATION] = self.generation
            self._fence()
            fields[END] = sequence
            self._fence()
        finally:
            # an error's traceback would keep the arrays, and so the mapped memory, beyond `close`
            del fields, floats, slot_pixels
        self._block.fields[NEWEST] = sequence
        self.beat()
        futex.wake(self._block.newest_address)

    def beat(self) -> None:
        """Store a heartbeat when there is no picture to write."""
        self._block.fields[HEARTBEAT] = time.time_ns()

    def close(self) -> None:
        """Unmap the ring's memory. The ring stays, for readers and for the next writer."""
        if self._block is not None:
            self._block = None  # type: ignore[assignment]  # closed and no longer used
            self._memory.close()


class RingOwner(RingWriter):
    """The ring in the process that made it, which can resize and remove it. Readers check whether
    this process lives, even if another one writes. Call `beat` regularly, for readers in other
    containers."""

    def __init__(
        self, name: str, width: int, height: int, channels: int, fps: float, folder: RingFolder
    ) -> None:
        self._folder = folder
        self._memory: OwnedSegment
        super().__init__(_make(name, width, height, channels, folder, {"fps": fps}))

    def resize(self, width: int, height: int, channels: int | None = None) -> None:
        """Change the shape: continue in a new segment with a new generation. Readers follow by
        themselves; another process that writes must call `FrameRing.write_to` again.
        SharedMemoryError when there is no room; the ring then stays as it was."""
        generation = max(self.generation, self._block.generation) + 1
        fields = {"fps": self.fps, "number_before": self.sequence, "generation_before": generation}
        memory = _make(self.name, width, height, channels or self.shape[2], self._folder, fields)
        self.generation = generation
        self._block.header["successor"] = memory.name.encode()
        self._fence()
        self._block.states[0] = layout.MOVED
        self._fence()
        self._block.fields[NEWEST] += (
            1  # there is no such picture, but a reader about to sleep must look again
        )
        futex.wake(self._block.newest_address)
        self._block = RingBlock(memory.buf)
        old = self._memory
        self._memory = memory
        old.close()

    def close(self) -> None:
        """Mark the ring as closed and remove its name. Processes that have it mapped keep the last
        frame."""
        if self._block is None or not self._memory.is_ours:
            return
        self._block.states[0] = layout.CLOSED
        super().close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # __init__ failed
            self.close()


def _make(
    name: str,
    width: int,
    height: int,
    channels: int,
    folder: RingFolder,
    fields: dict[str, int | float],
) -> OwnedSegment:
    fields = {
        "state": layout.OPEN,
        "width": width,
        "height": height,
        "channels": channels,
        "pixel_format": layout.UINT8_DISPLAY,
        "row_stride": width * channels,
        "slot_count": layout.SLOTS,
        "slot_stride": layout.slot_stride(width, height, channels),
        "first_slot": layout.HEADER_BYTES,
    } | fields
    return OwnedSegment(
        layout.FRAME_RING, name, layout.segment_bytes(width, height, channels), folder, fields
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RingFrame:
    pixels: np.ndarray
    """(height, width, channels) uint8, row 0 at the top. A copy that the caller owns."""
    index: int
    """The writer's FrameId.index."""
    time_s: float
    """The writer's FrameId.time_s."""
    generation: int
    sequence: int
    """Number of the frame in the ring, from 1, across changes of size. A gap means frames this
    reader missed."""


class RingReader:
    """A reader of a ring; there may be any number. Use it on one thread. It never waits or affects
    the writer."""

    _block: RingBlock

    def __init__(self, segment: str, folder: RingFolder) -> None:
        self.torn = 0
        """Number of copies discarded because the writer overwrote the slot meanwhile."""
        self._folder = folder
        self._fence = Fence()
        self.sequence = 0
        """Number of the newest frame that `latest` returned; 0 before the first."""
        self._frame: RingFrame | None = None
        mapping, block = _map(segment)
        self._mapping = mapping
        self._block = block
        self.name = bytes(self._block.header["name"]).decode(errors="replace")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the next frames: (height, width, channels)."""
        return self._block.shape

    @property
    def fps(self) -> float:
        """The writer's nominal rate; 0 if it has none."""
        return float(self._block.header["fps"])

    def latest(self, spare: np.ndarray | None = None) -> RingFrame | None:
        """The newest whole frame; the same object if there is no newer one; None before the first.
        Never waits: after three torn copies the previous frame is returned. `spare`: an array that
        may be overwritten, even with a torn copy, if it has the ring's shape. The pixels of the
        last frame will do if they are no longer needed."""
        if self._block.states[0] == layout.MOVED:
            self._follow()
        for _ in range(READ_ATTEMPTS):
            newest = int(self._block.fields[NEWEST])
            if newest in (0, self.sequence):
                return self._frame
            fields, floats, slot_pixels = self._block.slots[newest % layout.SLOTS]
            if spare is None or spare.shape != slot_pixels.shape:
                spare = np.empty_like(slot_pixels)
            was_whole = fields[END] == newest
            self._fence()
            np.copyto(spare, slot_pixels, casting="no")
            index = int(fields[INDEX])
            time_s = float(floats[TIME])
            generation = int(fields[GENERATION])
            self._fence()
            if was_whole and fields[BEGIN] == newest:
                self.sequence = newest
                self._frame = RingFrame(
                    pixels=spare, index=index, time_s=time_s, generation=generation, sequence=newest
                )
                return self._frame
            self.torn += 1
        return self._frame

    @property
    def state(self) -> Literal["live", "closed", "dead"]:
        """State of the ring; closed: the ring's owner closed it. dead: the owner's process ended
        without closing it."""
        if self._block.states[0] == layout.CLOSED:
            return "closed"
        is_alive = is_writer_alive(
            writer_of(self._block.header), int(self._block.fields[HEARTBEAT])
        )
        return "live" if is_alive else "dead"

    @property
    def heartbeat_age_s(self) -> float:
        """Seconds since the last heartbeat of the writer, the owner or another; grows while it
        hangs."""
        return (time.time_ns() - int(self._block.fields[HEARTBEAT])) / 1e9

    def close(self) -> None:
        """Unmap the ring's memory. Frames returned so far stay valid, and the ring itself is not
        affected."""
        if self._block is not None:
            self._block = None  # type: ignore[assignment]  # closed and no longer used
            self._mapping.close()

    def _follow(self) -> None:
        """Follow the ring to its new segment; if that is missing too, find the ring by name."""
        self._fence()
        segment = bytes(self._block.header["successor"]).decode(errors="replace")
        try:
            mapping, block = _map(segment)
        except SharedMemoryError:
            info = find_ring(self.name, self._folder, pid=int(self._block.header["writer_pid"]))
            if info is None:
                return
            try:
                mapping, block = _map(info.segment)
            except SharedMemoryError:
                return
        self._block = block
        old = self._mapping
        self._mapping = mapping
        old.close()


def _map(segment: str) -> tuple[ForeignSegment, RingBlock]:
    memory = open_segment(layout.FRAME_RING, segment)
    if not layout.holds_pictures(memory.buf):
        size = len(memory.buf)
        memory.close()
        raise SharedMemoryError(
            f"frame ring {segment}: the sizes in its header do not fit its {size} bytes"
        )
    return memory, RingBlock(memory.buf)


class FrameRing:
    """Ways to open a ring: `create` a new one, `write_to` one that another process made; `open` or
    `attach` to read."""

    @staticmethod
    def create(
        name: str, width: int, height: int, *, channels: int = 4, fps: float = 0.0
    ) -> RingOwner:
        """A new ring of this process, named as its texture (1 to 64 bytes of UTF-8). May raise
        SharedMemoryError."""
        return RingOwner(name, width, height, channels, fps, system_folder())

    @staticmethod
    def write_to(segment: str) -> RingWriter:
        """Write into a ring that another process made. Frame numbers continue. Its owner and other
        processes must not write at the same time. Closing the writer does not remove the ring.
        SharedMemoryError when it is missing."""
        return RingWriter(open_segment(layout.FRAME_RING, segment, is_writable=True))

    @staticmethod
    def open(name: str) -> RingReader:
        """Read the newest live ring with this name. SharedMemoryError when there is none."""
        info = find_ring(name, system_folder())
        if info is None:
            raise SharedMemoryError(
                f"no live ring is called {name!r}: is an engine running with --sink shared={name}?"
            )
        return RingReader(info.segment, system_folder())

    @staticmethod
    def attach(segment: str) -> RingReader:
        """Read the ring in this segment, named by its writer. SharedMemoryError when it is
        missing."""
        return RingReader(segment, system_folder())
