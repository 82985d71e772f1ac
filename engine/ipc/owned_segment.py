"""A segment with a head: made and removed by one process, opened by others."""

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
    """A segment of this process, called so that a sweep knows whose it was.

    `name` (1 to 64 bytes of UTF-8) and `fields` go into the header, the rest is zero. Raises SharedMemoryError
    for another name, and when there is no room.
    """

    def __init__(
        self,
        kind: layout.Kind,
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
            with suppress(FileExistsError):  # a dead process had our id: the next serial is free
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
        """False in a forked child, whose copy of this object must not take its parent's memory away."""
        return os.getpid() == self._pid

    def close(self) -> None:
        """Take the name away and unmap; whoever else has the memory mapped keeps it."""
        if not self.is_ours:
            return
        self._folder.remove(self.name)
        self._memory.unlink()  # first: the name goes even if an array still looks into the memory
        self._memory.close()


def open_segment(kind: layout.Kind, segment: str, *, is_writable: bool = False) -> ForeignSegment:
    """Map a segment of this kind that another process (or this one) made. SharedMemoryError when it is none."""
    try:
        memory = map_segment(segment, is_writable=is_writable)
    except OSError as error:
        raise SharedMemoryError(f"{kind.title} {segment}: {error.strerror or error}") from error
    start = bytes(memory.buf[: layout.HEADER_BYTES]).ljust(layout.HEADER_BYTES, b"\0")
    head = np.frombuffer(start, layout.HEAD)[0]
    if bytes(head["magic"]) != kind.magic:
        memory.close()
        raise SharedMemoryError(f"{kind.title} {segment}: no {kind.title}, or one that is still being made")
    if head["version"] != kind.version:
        memory.close()
        raise SharedMemoryError(
            f"{kind.title} {segment}: of version {head['version']}; this engine reads {kind.version}"
        )
    return memory
