"""The writing side of a frame ring; see `frame_ring` for how it works."""

import itertools
import os
import time
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import layout
from engine.ipc.fence import Fence
from engine.ipc.process_identity import own_identity
from engine.ipc.ring_block import BEGIN, END, GENERATION, HEARTBEAT, INDEX, NEWEST, TIME, RingBlock
from engine.ipc.ring_folder import RingFolder, segment_name
from engine.ipc.segment import create_segment

_serials = itertools.count(1)


class RingWriter:
    """The one writer, used by one thread at a time. Nothing here waits for a reader."""

    def __init__(self, name: str, width: int, height: int, channels: int, fps: float, folder: RingFolder) -> None:
        if not 1 <= len(name.encode()) <= 64:
            raise SharedMemoryError(f"a ring's name has 1 to 64 bytes, not {len(name.encode())}: {name!r}")
        self.name = name
        self.generation = 0
        """Goes out with each frame; raised by `resize`, and by you when older frames must not be used."""
        self._folder = folder
        self._pid = os.getpid()
        self._fence = Fence()
        self._sequence = 0
        self._segment, self._block = self._make(width, height, channels, fps)

    @property
    def segment(self) -> str:
        """What a child is told to attach to."""
        return self._segment.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        return self._block.shape

    @property
    def fps(self) -> float:
        """Nominal rate, for readers; 0 when there is none."""
        return float(self._block.header["fps"])

    @fps.setter
    def fps(self, fps: float) -> None:
        self._block.header["fps"] = fps

    def write(self, pixels: np.ndarray, *, index: int, time_s: float) -> None:
        """Publish one picture of the ring's shape, uint8, row 0 at the top."""
        # hot path: one copy, no allocation, no lock that anybody else takes
        sequence = self._sequence + 1
        if pixels.shape != self._block.shape:  # copyto would stretch a single row over the picture
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
        finally:  # an error's traceback would keep the arrays, and they the memory, beyond `close`
            del words, floats, slot_pixels
        self._block.words[NEWEST] = sequence
        self._sequence = sequence
        self.beat()

    def beat(self) -> None:
        """Say that we live although there is no picture to write."""
        self._block.words[HEARTBEAT] = time.time_ns()

    def resize(self, width: int, height: int, channels: int | None = None) -> None:
        """Go on in another shape, in a new segment and a new generation. Readers follow by themselves.

        Raises SharedMemoryError when there is no room; the ring then stays as it was.
        """
        segment, block = self._make(width, height, channels or self.shape[2], self.fps)
        self.generation += 1
        self._block.header["successor"] = segment.name.encode()
        self._fence()
        self._block.states[0] = layout.MOVED
        self._block = block
        old, self._segment = self._segment, segment
        self._remove(old)

    def close(self) -> None:
        """Tell the readers and take the name away; whoever has the memory mapped keeps the last frame."""
        # A forked child's copy of this object must not take its parent's ring away.
        if self._block is None or os.getpid() != self._pid:
            return
        self._block.states[0] = layout.CLOSED
        self._block = None  # type: ignore[assignment]
        self._remove(self._segment)

    def __del__(self) -> None:
        with suppress(AttributeError):  # of a ring that could not be made
            self.close()

    def _make(self, width: int, height: int, channels: int, fps: float) -> tuple[SharedMemory, RingBlock]:
        size = layout.segment_bytes(width, height, channels)
        segment = None
        while segment is None:
            with suppress(FileExistsError):  # a dead process had our id: the next serial is free
                segment = create_segment(segment_name(self.name, os.getpid(), next(_serials)), size)
        assert segment.buf is not None  # until close()
        me, now_ns = own_identity(), time.time_ns()
        header = np.frombuffer(segment.buf, layout.HEADER, 1)[0]
        for field, value in {
            "version": layout.VERSION,
            "state": layout.OPEN,
            "width": width,
            "height": height,
            "channels": channels,
            "pixel_format": layout.UINT8_DISPLAY,
            "row_stride": width * channels,
            "slot_count": layout.SLOTS,
            "slot_stride": layout.slot_stride(width, height, channels),
            "first_slot": layout.HEADER_BYTES,
            "fps": fps,
            "heartbeat_ns": now_ns,
            "writer_pid": me.pid,
            "writer_start": me.start,
            "writer_namespace": me.namespace,
            "created_ns": now_ns,
            "name": self.name.encode(),
        }.items():
            header[field] = value
        self._fence()
        header["magic"] = layout.MAGIC
        self._folder.add(segment.name)
        return segment, RingBlock(segment.buf)

    def _remove(self, segment: SharedMemory) -> None:
        self._folder.remove(segment.name)
        segment.unlink()  # first: the name goes even if an array still looks into the memory
        segment.close()
