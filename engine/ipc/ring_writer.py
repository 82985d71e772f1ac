"""The writing side of a frame ring. `frame_ring` explains how it works."""

import time
from contextlib import suppress

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import layout
from engine.ipc.fence import Fence
from engine.ipc.owned_segment import OwnedSegment
from engine.ipc.ring_block import BEGIN, END, GENERATION, HEARTBEAT, INDEX, NEWEST, TIME, RingBlock
from engine.ipc.ring_folder import RingFolder
from engine.ipc.segment import MappedSegment


class RingWriter:
    """The only writer of a ring. Use it on one thread at a time. It never waits for readers.

    `FrameRing.write_to` returns one for a ring that another process made. The maker has a RingOwner, and may write
    while no other process does. Numbers continue after the newest frame in the ring, so a process can take over from
    one that was killed anywhere in `write`.
    """

    def __init__(self, memory: MappedSegment) -> None:
        self._fence = Fence()
        self._memory = memory
        self._block = RingBlock(memory.buf)
        if self._block.states[0] != layout.OPEN:
            self.close()
            raise SharedMemoryError(f"frame ring {memory.name}: closed, or moved to another segment")
        self.name = bytes(self._block.header["name"]).decode()
        self.generation = self._block.generation
        """Stored with each frame. `resize` raises it; raise it yourself when older frames must not be used."""

    @property
    def segment(self) -> str:
        """Name of the segment, for other processes to attach or write to."""
        return self._memory.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        return self._block.shape

    @property
    def fps(self) -> float:
        """Nominal rate, for readers; 0 if there is none."""
        return float(self._block.header["fps"])

    @property
    def sequence(self) -> int:
        """Number of the newest whole frame in the ring; 0 before the first."""
        return self._block.sequence

    def write(self, pixels: np.ndarray, *, index: int, time_s: float) -> None:
        """Publish one picture of the ring's shape, uint8, row 0 at the top."""
        # hot path: one copy, no allocation, no lock that another thread takes
        sequence = self._block.sequence + 1
        if pixels.shape != self._block.shape:  # copyto would broadcast a single row over the picture
            raise SharedMemoryError(f"{self.name}: picture {pixels.shape} does not fit ring {self._block.shape}")
        words, floats, slot_pixels = self._block.slots[sequence % layout.SLOTS]
        try:
            words[BEGIN] = sequence
            self._fence()
            np.copyto(slot_pixels, pixels, casting="no")
            words[INDEX] = index
            floats[TIME] = time_s
            words[GENERATION] = self.generation
            self._fence()
            words[END] = sequence
            self._fence()
        finally:  # an error's traceback would keep the arrays, and so the mapped memory, beyond `close`
            del words, floats, slot_pixels
        self._block.words[NEWEST] = sequence
        self.beat()

    def beat(self) -> None:
        """Store a heartbeat when there is no picture to write."""
        self._block.words[HEARTBEAT] = time.time_ns()

    def close(self) -> None:
        """Unmap the memory. The ring stays, for readers and for the next writer."""
        if self._block is not None:
            self._block = None  # type: ignore[assignment]  # closed and no longer used
            self._memory.close()


class RingOwner(RingWriter):
    """The ring in the process that made it, which can resize and remove it.

    Even if another process writes, readers check whether the owner lives. Call `beat` regularly, for readers in other
    containers.
    """

    def __init__(self, name: str, width: int, height: int, channels: int, fps: float, folder: RingFolder) -> None:
        self._folder = folder
        self._memory: OwnedSegment
        super().__init__(_make(name, width, height, channels, folder, {"fps": fps}))

    @property
    def fps(self) -> float:
        return super().fps

    @fps.setter
    def fps(self, fps: float) -> None:
        self._block.header["fps"] = fps

    def resize(self, width: int, height: int, channels: int | None = None) -> None:
        """Change the shape: continue in a new segment with a new generation.

        Readers follow by themselves. Another process that writes must call `FrameRing.write_to` again.
        SharedMemoryError when there is no room; the ring then stays as it was.
        """
        generation = max(self.generation, self._block.generation) + 1
        fields = {"fps": self.fps, "number_before": self.sequence, "generation_before": generation}
        memory = _make(self.name, width, height, channels or self.shape[2], self._folder, fields)
        self.generation = generation
        self._block.header["successor"] = memory.name.encode()
        self._fence()
        self._block.states[0] = layout.MOVED
        self._block = RingBlock(memory.buf)
        old, self._memory = self._memory, memory
        old.close()

    def close(self) -> None:
        """Mark the ring as closed and remove its name. Processes that have it mapped keep the last frame."""
        if self._block is None or not self._memory.is_ours:
            return
        self._block.states[0] = layout.CLOSED
        super().close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # __init__ failed
            self.close()


def _make(
    name: str, width: int, height: int, channels: int, folder: RingFolder, fields: dict[str, int | float]
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
    return OwnedSegment(layout.FRAME_RING, name, layout.segment_bytes(width, height, channels), folder, fields)
