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
"""

from engine.errors import SharedMemoryError
from engine.ipc.ring_folder import RingFolder, find_ring, system_folder
from engine.ipc.ring_reader import RingReader
from engine.ipc.ring_writer import RingWriter


class FrameRing:
    """The doors: `create` for the one writer, `open` or `attach` for any number of readers."""

    @staticmethod
    def create(
        name: str,
        width: int,
        height: int,
        *,
        channels: int = 4,
        fps: float = 0.0,
        folder: RingFolder | None = None,
    ) -> RingWriter:
        """A new ring of this process, called by its texture's name (1 to 64 bytes of UTF-8).

        Raises SharedMemoryError when there is no room.
        """
        return RingWriter(name, width, height, channels, fps, folder or system_folder())

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
