"""The reading side of a frame ring. `frame_ring` explains how it works."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import layout
from engine.ipc.fence import Fence
from engine.ipc.owned_segment import open_segment
from engine.ipc.ring_block import BEGIN, END, GENERATION, HEARTBEAT, INDEX, NEWEST, TIME, RingBlock
from engine.ipc.ring_folder import RingFolder, find_ring, is_writer_alive, writer_of
from engine.ipc.segment import ForeignSegment

READ_ATTEMPTS = 3  # the first and two more
POLL_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class RingFrame:
    """A frame read from a ring."""

    pixels: np.ndarray
    """(height, width, channels) uint8, row 0 at the top. A copy that the caller owns."""
    index: int
    """The writer's FrameId.index."""
    time_s: float
    """The writer's FrameId.time_s."""
    generation: int
    sequence: int
    """Number of the frame in the ring, from 1, across changes of size. A gap means frames this reader missed."""


class RingReader:
    """A reader of a ring; there may be any number. Use it on one thread. It never waits or affects the writer."""

    def __init__(self, segment: str, folder: RingFolder) -> None:
        self.torn = 0
        """Number of copies discarded because the writer overwrote the slot meanwhile."""
        self._folder = folder
        self._fence = Fence()
        self._sequence = 0
        self._frame: RingFrame | None = None
        self._mapping, self._block = _map(segment)
        self.name = bytes(self._block.header["name"]).decode()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the next frames."""
        return self._block.shape

    @property
    def sequence(self) -> int:
        """Number of the newest frame that `latest` returned; 0 before the first."""
        return self._sequence

    @property
    def fps(self) -> float:
        """The writer's nominal rate; 0 if it has none."""
        return float(self._block.header["fps"])

    def latest(self, spare: np.ndarray | None = None) -> RingFrame | None:
        """The newest whole frame; the same object if there is no newer one; None before the first. Never waits.

        `spare`: an array that may be overwritten, even with a torn copy, if it has the ring's shape. It may be the
        pixels of the last frame if you no longer need them. If it does not fit, a new array is made. After three torn
        copies the previous frame is returned.
        """
        if self._block.states[0] == layout.MOVED:
            self._follow()
        for _ in range(READ_ATTEMPTS):
            newest = int(self._block.words[NEWEST])
            if newest in (0, self._sequence):
                return self._frame
            words, floats, slot_pixels = self._block.slots[newest % layout.SLOTS]
            if spare is None or spare.shape != slot_pixels.shape:
                spare = np.empty_like(slot_pixels)
            was_whole = words[END] == newest
            self._fence()
            np.copyto(spare, slot_pixels, casting="no")
            index, time_s, generation = int(words[INDEX]), float(floats[TIME]), int(words[GENERATION])
            self._fence()
            if was_whole and words[BEGIN] == newest:
                self._sequence = newest
                self._frame = RingFrame(
                    pixels=spare, index=index, time_s=time_s, generation=generation, sequence=newest
                )
                return self._frame
            self.torn += 1
        return self._frame

    def wait_newer(self, timeout_s: float) -> RingFrame | None:
        """The next frame that `latest` has not returned yet; None after the timeout. Polls every millisecond."""
        before = self._sequence
        end_s = time.perf_counter() + timeout_s
        while True:
            frame = self.latest()
            if self._sequence != before:
                return frame
            if time.perf_counter() >= end_s:
                return None
            time.sleep(POLL_S)

    @property
    def state(self) -> Literal["live", "closed", "dead"]:
        """closed: the ring's owner closed it. dead: the owner's process ended without closing it."""
        if self._block.states[0] == layout.CLOSED:
            return "closed"
        is_alive = is_writer_alive(writer_of(self._block.header), int(self._block.words[HEARTBEAT]))
        return "live" if is_alive else "dead"

    @property
    def heartbeat_age_s(self) -> float:
        """Seconds since the last heartbeat of the writer, the owner or another; grows while it hangs."""
        return (time.time_ns() - int(self._block.words[HEARTBEAT])) / 1e9

    def close(self) -> None:
        """Unmap the memory. Frames returned so far stay valid, and the ring itself is not affected."""
        if self._block is not None:
            self._block = None  # type: ignore[assignment]  # closed and no longer used
            self._mapping.close()

    def _follow(self) -> None:
        """Follow the ring to its new segment; if that is gone too, find the ring by name."""
        self._fence()
        segment = bytes(self._block.header["successor"]).decode()
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
        old, self._mapping = self._mapping, mapping
        old.close()


def _map(segment: str) -> tuple[ForeignSegment, RingBlock]:
    memory = open_segment(layout.FRAME_RING, segment)
    return memory, RingBlock(memory.buf)
