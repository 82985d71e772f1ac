"""A segment with a head, which one process creates and removes and others open; segments of fields,
and a fence."""

import itertools
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import resource_tracker
from typing import Generic, Self, TypeVar

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import layout
from engine.ipc.process_identity import own_identity
from engine.ipc.ring_folder import RingFolder, segment_name, system_folder
from engine.ipc.segment import ForeignSegment, create_segment, map_segment
from engine.ipc.segment_kind import SegmentKind

MAX_NAME_BYTES = 64

Value = TypeVar("Value", bound=float)

_serials = itertools.count(1)


class OwnedSegment:
    """A new segment owned by this process; its name holds our process id, for the sweep.

    `name` (1 to 64 bytes of UTF-8) and `fields` go into the header, the rest is zero.
    SharedMemoryError for an invalid name, and when there is no room."""

    def __init__(
        self,
        kind: SegmentKind,
        name: str,
        size: int,
        folder: RingFolder,
        fields: Mapping[str, int | float] | None = None,
    ) -> None:
        if not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
            raise SharedMemoryError(
                f"a {kind.title}'s name has 1 to {MAX_NAME_BYTES} bytes, not "
                f"{len(name.encode())}: {name!r}"
            )
        self._pid = os.getpid()
        self._folder = folder
        memory = None
        while memory is None:
            # left by a dead process that had our id: try the next serial
            with suppress(FileExistsError):
                memory = create_segment(segment_name(name, self._pid, next(_serials)), size)
        assert memory.buf is not None  # until close()
        self._memory = memory
        self.name = memory.name
        self.buf = memory.buf
        me = own_identity()
        now_ns = time.time_ns()
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
        """False in a forked child, whose copy of this object must not remove its parent's
        memory."""
        return os.getpid() == self._pid

    def close(self) -> None:
        """Remove the name and unmap. Processes that have the memory mapped keep it."""
        if not self.is_ours:
            return
        self._folder.remove(self.name)
        try:
            self._memory.unlink()  # first: this works even if an array still uses the memory
        except FileNotFoundError:  # systemd removes the segments of a user who logs out (RemoveIPC)
            resource_tracker.unregister(f"/{self.name}", "shared_memory")
        self._memory.close()


MappedSegment = OwnedSegment | ForeignSegment


def open_segment(kind: SegmentKind, segment: str, *, is_writable: bool = False) -> ForeignSegment:
    """Map an existing segment of this kind. SharedMemoryError if it is missing or of another kind
    or version."""
    try:
        memory = map_segment(segment, is_writable=is_writable)
    except OSError as error:
        raise SharedMemoryError(f"{kind.title} {segment}: {error.strerror or error}") from error
    start = bytes(memory.buf[: layout.HEADER_BYTES]).ljust(layout.HEADER_BYTES, b"\0")
    head = np.frombuffer(start, layout.HEAD)[0]
    if bytes(head["magic"]) != kind.magic:
        memory.close()
        raise SharedMemoryError(
            f"{kind.title} {segment}: not a {kind.title}, or one that is still being made"
        )
    if head["version"] != kind.version:
        memory.close()
        raise SharedMemoryError(
            f"{kind.title} {segment}: version {head['version']}; this engine reads version "
            f"{kind.version}"
        )
    return memory


class Fence:
    """`fence()` orders all loads and stores before it against all after it, for counters that
    another process reads without a lock. One per ring, so never contended.

    x86 keeps ordinary stores in order, but not the streaming stores that memcpy uses for large
    pictures; ARM guarantees no order at all. So both sides of a copy need a fence. Python has none,
    but a lock uses atomic operations: on x86 a locked instruction, which is a full fence; on ARMv8
    an acquire and a release. Earlier accesses may move down into such a pair, and later ones up
    into it. Of two pairs in a row, the first's release is ordered before the second's acquire
    (ARMv8 is "RCsc"), so nothing moves past both. It takes about 0.1 us."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            pass
        with self._lock:
            pass


class FieldSegment:
    """Base of `ChildCounters` and `Gate`: a segment of 8-byte fields. Use it on any thread, at any
    time."""

    _kind: SegmentKind

    def __init__(self, memory: MappedSegment) -> None:
        self._memory = memory
        self._is_open = True
        self._fence = Fence()
        self._fields = np.frombuffer(memory.buf, np.uint64, layout.PAGE_BYTES // 8)
        self._floats = self._fields.view(np.float64)

    @classmethod
    def create(cls, name: str = "") -> Self:
        """New fields, all 0; `name`: of their child, if they are a child's. SharedMemoryError when
        there is no room."""
        return cls(
            OwnedSegment(cls._kind, name or cls._kind.title, layout.PAGE_BYTES, system_folder())
        )

    @classmethod
    def open(cls, segment: str) -> Self:
        """Open fields that another process created. SharedMemoryError when they are missing."""
        return cls(open_segment(cls._kind, segment, is_writable=True))

    @property
    def segment(self) -> str:
        """Name of the segment, for other processes to open."""
        return self._memory.name

    def close(self) -> None:
        """Unmap the memory; its owner also removes the name. The last values stay readable for
        other threads."""
        if not self._is_open:
            return
        self._is_open = False
        fields = self._fields.copy()
        self._fields = fields
        self._floats = fields.view(np.float64)
        # another thread is using a field: the mapping is freed with its array
        with suppress(BufferError):
            self._memory.close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # __init__ failed
            self.close()


class SharedField(Generic[Value]):
    """An 8-byte field of a FieldSegment as an attribute."""

    def __init__(self, kind: SegmentKind, field: str, type_: type[Value]) -> None:
        self._index = kind.field_index(field)
        self._type = type_

    def __get__(self, owner: FieldSegment, _: type[FieldSegment]) -> Value:
        return self._type((owner._floats if self._type is float else owner._fields)[self._index])

    def __set__(self, owner: FieldSegment, value: Value) -> None:
        (owner._floats if self._type is float else owner._fields)[self._index] = value
