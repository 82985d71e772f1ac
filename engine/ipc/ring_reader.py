"""The reading side of a frame ring; see `frame_ring` for how it works."""

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
    pixels: np.ndarray
    """(height, width, channels) uint8, row 0 at the top: a copy, yours to keep."""
    index: int
    """The writer's FrameId.index."""
    time_s: float
    """The writer's FrameId.time_s."""
    generation: int
    sequence: int
    """Counts the ring's frames from 1, across changes of size. A gap: frames this reader did not see."""


class RingReader:
    """One of any number of readers, used by one thread. It only looks: nobody is disturbed or waited for."""

    def __init__(self, segment: str, folder: RingFolder) -> None:
        self.torn = 0
        """Copies thrown away because the writer came round meanwhile."""
        self._folder = folder
        self._fence = Fence()
        self._sequence = 0
        self._frame: RingFrame | None = None
        self._mapping, self._block = _map(segment)
        self.name = bytes(self._block.header["name"]).decode()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the frames to come."""
        return self._block.shape

    @property
    def sequence(self) -> int:
        """Number of the newest frame `latest` has given; 0 before the first."""
        return self._sequence

    @property
    def fps(self) -> float:
        """The writer's nominal rate; 0 when it has none."""
        return float(self._block.header["fps"])

    def latest(self, spare: np.ndarray | None = None) -> RingFrame | None:
        """The newest whole frame; the same object again when nothing is new; None before the first.

        `spare` is an array that may be overwritten, with a torn copy too, if it has the ring's shape; so the
        pixels of the frame given last only if you are done with them for good. Without one that fits, a new
        one is made. After three torn copies the previous frame stays. Never waits.
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
        """The next frame that `latest` has not given yet; None after the timeout. Looks every millisecond."""
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
        """closed: the ring's owner ended as it should. dead: its process is gone without a word."""
        if self._block.states[0] == layout.CLOSED:
            return "closed"
        is_alive = is_writer_alive(writer_of(self._block.header), int(self._block.words[HEARTBEAT]))
        return "live" if is_alive else "dead"

    @property
    def heartbeat_age_s(self) -> float:
        """Seconds since a sign of life of whoever writes, the owner or another: grows while it hangs."""
        return (time.time_ns() - int(self._block.words[HEARTBEAT])) / 1e9

    def close(self) -> None:
        """Let go of the memory. Frames given so far stay good, and so does the writer's ring."""
        if self._block is not None:
            self._block = None  # type: ignore[assignment]
            self._mapping.close()

    def _follow(self) -> None:
        """Go where the ring has moved; if it has moved on from there too, ask the folder."""
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
