"""A segment with a head, which one process makes and removes and others open."""

import itertools
import os
import time
from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import layout
from engine.ipc.fence import Fence
from engine.ipc.process_identity import own_identity
from engine.ipc.ring_folder import RingFolder, segment_name
from engine.ipc.segment import ForeignSegment, create_segment, map_segment

MAX_NAME_BYTES = 64

_serials = itertools.count(1)


class OwnedSegment:
    """A new segment owned by this process; its name holds our process id, for the sweep.

    `name` (1 to 64 bytes of UTF-8) and `fields` go into the header, the rest is zero. SharedMemoryError for an invalid
    name, and when there is no room.
    """

    def __init__(
        self,
        kind: layout.SegmentKind,
        name: str,
        size: int,
        folder: RingFolder,
        fields: Mapping[str, int | float] | None = None,
    ) -> None:
        if not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
            raise SharedMemoryError(
                f"a {kind.title}'s name has 1 to {MAX_NAME_BYTES} bytes, not {len(name.encode())}: {name!r}"
            )
        self._pid = os.getpid()
        self._folder = folder
        memory = None
        while memory is None:
            with suppress(FileExistsError):  # left by a dead process that had our id: try the next serial
                memory = create_segment(segment_name(name, self._pid, next(_serials)), size)
        assert memory.buf is not None  # until close()
        self._memory = memory
        self.name = memory.name
        self.buf = memory.buf
        me, now_ns = own_identity(), time.time_ns()
        header = np.frombuffer(self.buf, kind.header, 1)[0]
        for field, value in {
            "version": kind.version,
            "heartbeat_ns": now_ns,
            "writer_pid": me.pid,
            "writer_start": me.start,
            "writer_namespace": me.namespace,
            "created_ns": now_ns,
            "name": name.encode(),
            **(fields or {}),
        }.items():
            header[field] = value
        Fence()()
        header["magic"] = kind.magic
        folder.add(self.name)

    @property
    def is_ours(self) -> bool:
        """False in a forked child, whose copy of this object must not remove its parent's memory."""
        return os.getpid() == self._pid

    def close(self) -> None:
        """Remove the name and unmap. Processes that have the memory mapped keep it."""
        if not self.is_ours:
            return
        self._folder.remove(self.name)
        self._memory.unlink()  # first: this works even if an array still uses the memory
        self._memory.close()


def open_segment(kind: layout.SegmentKind, segment: str, *, is_writable: bool = False) -> ForeignSegment:
    """Map an existing segment of this kind. SharedMemoryError if it is missing or of another kind or version."""
    try:
        memory = map_segment(segment, is_writable=is_writable)
    except OSError as error:
        raise SharedMemoryError(f"{kind.title} {segment}: {error.strerror or error}") from error
    start = bytes(memory.buf[: layout.HEADER_BYTES]).ljust(layout.HEADER_BYTES, b"\0")
    head = np.frombuffer(start, layout.HEAD)[0]
    if bytes(head["magic"]) != kind.magic:
        memory.close()
        raise SharedMemoryError(f"{kind.title} {segment}: not a {kind.title}, or one that is still being made")
    if head["version"] != kind.version:
        memory.close()
        raise SharedMemoryError(
            f"{kind.title} {segment}: version {head['version']}; this engine reads version {kind.version}"
        )
    return memory
