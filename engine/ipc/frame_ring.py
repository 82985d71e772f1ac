"""A ring of pictures from one process to others: three slots of shared memory, newest wins, no side waits.

The naive way, a queue, copies twice through a pipe (18.8 ms for 1080p RGBA, 0.4 ms here) and makes one side wait. With
a lock, a reader that dies while holding it would stop the engine. So the writer cycles through three slots and stores a
counter before and after each picture. A reader copies, then reads the counters again: if they are unchanged, the copy
is whole. That is a seqlock (Lamport 1977; Linux `seqlock.h`), with three slots so that a reader has two frame times for
its copy. The counters are single 8-byte loads and stores with a `fence` beside each. `layout` documents the bytes.

A new size needs a new segment. The old one is marked as moved and names its successor, so a reader notices at its next
poll and never sees pixels of one size under a header of another. Each frame has a `generation`: the writer raises it
when a prompt or a take changes, and readers may discard frames of older generations.

The process that makes a ring need not be the one that writes it. The engine makes the rings that its children write:
they survive a child that is killed, with their last picture, and the next child continues in them.
"""

from engine.errors import SharedMemoryError
from engine.ipc import layout
from engine.ipc.owned_segment import open_segment
from engine.ipc.ring_folder import RingFolder, find_ring, system_folder
from engine.ipc.ring_reader import RingReader
from engine.ipc.ring_writer import RingOwner, RingWriter


class FrameRing:
    """Ways to open a ring: `create` a new one, `write_to` one that another process made; `open` or `attach` to read."""

    @staticmethod
    def create(
        name: str,
        width: int,
        height: int,
        *,
        channels: int = 4,
        fps: float = 0.0,
        folder: RingFolder | None = None,
    ) -> RingOwner:
        """A new ring owned by this process, named like its texture (1 to 64 bytes of UTF-8).

        SharedMemoryError when there is no room.
        """
        return RingOwner(name, width, height, channels, fps, folder or system_folder())

    @staticmethod
    def write_to(segment: str) -> RingWriter:
        """Write into a ring that another process made. Frame numbers continue after the newest frame.

        Its owner and other processes must not write at the same time. Closing the writer does not remove the ring.
        SharedMemoryError when it is gone.
        """
        return RingWriter(open_segment(layout.FRAME_RING, segment, is_writable=True))

    @staticmethod
    def open(name: str, *, folder: RingFolder | None = None) -> RingReader:
        """Read the newest live ring with this name. SharedMemoryError when there is none."""
        folder = folder or system_folder()
        info = find_ring(name, folder)
        if info is None:
            raise SharedMemoryError(f"no live ring is called {name!r}: is an engine running with --sink shared={name}?")
        return RingReader(info.segment, folder)

    @staticmethod
    def attach(segment: str, *, folder: RingFolder | None = None) -> RingReader:
        """Read the ring in this segment, named by its writer. SharedMemoryError when it is gone."""
        return RingReader(segment, folder or system_folder())
