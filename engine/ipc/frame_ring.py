"""Pictures from one process to others: three slots of shared memory, newest wins, nobody waits.

The naive way, a queue, copies twice through a pipe (18.8 ms for 1080p RGBA against 0.4 ms here) and makes
somebody wait. A lock would let a reader that dies with it stop the engine. So the writer goes round three
slots and stores a counter before and after each picture; a reader copies and looks at the counters again:
were they the same, the copy is whole. That is a seqlock (Lamport 1977; Linux `seqlock.h`), with three slots
so that a reader has two frame times for its copy. The counters are single 8-byte loads and stores with a
fence beside each (`fence`). The bytes are drawn in `layout`.

A new size is a new segment: the old one is marked as moved and names its successor, so a reader notices at
its next look and never sees pixels of one size under a header of another. A `generation` travels with each
frame: whoever changes a prompt or a take raises it, and a reader that cares discards frames of older ones.

Who makes a ring need not be who writes it. The engine makes the rings its children write: they outlive a
child that is killed, with their last picture, and the next child goes on in them.
"""

from engine.errors import SharedMemoryError
from engine.ipc import layout
from engine.ipc.owned_segment import open_segment
from engine.ipc.ring_folder import RingFolder, find_ring, system_folder
from engine.ipc.ring_reader import RingReader
from engine.ipc.ring_writer import RingOwner, RingWriter


class FrameRing:
    """The doors: `create` for who makes it, `write_to` for another process that writes it instead; `open` or
    `attach` for any number of readers."""

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
        """A new ring of this process, called by its texture's name (1 to 64 bytes of UTF-8).

        Raises SharedMemoryError when there is no room.
        """
        return RingOwner(name, width, height, channels, fps, folder or system_folder())

    @staticmethod
    def write_to(segment: str) -> RingWriter:
        """Write into a ring that another process made, as told by it; numbers go on after the newest frame.

        Its owner and other processes must not write meanwhile. Closing the writer leaves the ring alone.
        SharedMemoryError when it is gone.
        """
        return RingWriter(open_segment(layout.FRAME_RING, segment, is_writable=True))

    @staticmethod
    def open(name: str, *, folder: RingFolder | None = None) -> RingReader:
        """Read the newest live ring of this name, whoever writes it. SharedMemoryError when there is none."""
        folder = folder or system_folder()
        info = find_ring(name, folder)
        if info is None:
            raise SharedMemoryError(f"no live ring is called {name!r}: is an engine running with --sink shared={name}?")
        return RingReader(info.segment, folder)

    @staticmethod
    def attach(segment: str, *, folder: RingFolder | None = None) -> RingReader:
        """Read this very segment, as told by its writer. SharedMemoryError when it is gone."""
        return RingReader(segment, folder or system_folder())
