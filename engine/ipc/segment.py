"""Makes, maps and removes shared memory segments: POSIX shared memory, or a named mapping on
Windows.

Python's resource tracker unlinks the segments that a process registered when it and its relatives
have ended. The engine's own stay registered, so they are removed even after kill -9, as long as the
tracker lives. Up to Python 3.12, just opening a `SharedMemory` registers it too, and the exit of a
foreign reader would then unlink the engine's ring. So `map_segment` never registers. Its mapping is
read-only unless `is_writable`.
"""

import mmap
import os
import sys
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory

from engine.errors import SharedMemoryError

if sys.platform != "win32":
    import _posixshmem

ERROR_ACCESS_DENIED = 5  # winerror.h
SHM_FOLDER = "/dev/shm"  # where Linux shows POSIX shared memory as files


class ForeignSegment:
    """A mapping of another process's segment. Closing it does not remove the segment."""

    def __init__(self, name: str, memory: mmap.mmap | SharedMemory, buf: memoryview) -> None:
        self.name = name
        self.buf = buf
        self._memory = memory

    def close(self) -> None:
        """Unmap the segment. BufferError while an array still uses `buf`."""
        self.buf.release()
        self._memory.close()


def create_segment(name: str, size: int) -> SharedMemory:
    """A new zeroed segment, mode 0600, with its memory allocated: else Linux would send SIGBUS at
    the first write. FileExistsError when the name is in use, SharedMemoryError when the system
    allows no shared memory or too little."""
    try:
        segment = SharedMemory(name=name, create=True, size=size)
    except FileExistsError:
        raise
    except OSError as error:
        folder = f" in {SHM_FOLDER}" if sys.platform == "linux" else ""
        allow = "allow it in the container or sandbox"
        is_denied = getattr(error, "winerror", ERROR_ACCESS_DENIED) == ERROR_ACCESS_DENIED
        remedy = allow if is_denied else "close programs, or enlarge the paging file"
        refused = f"{size / 2**10:.0f} KiB refused by the system{folder} ({error.strerror})"
        raise SharedMemoryError(f"shared memory: {refused}; {remedy}") from error
    if sys.platform != "linux":
        return segment
    try:
        descriptor = os.open(f"{SHM_FOLDER}/{name}", os.O_RDWR)
        try:
            os.posix_fallocate(descriptor, 0, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        segment.close()
        segment.unlink()
        room = os.statvfs(SHM_FOLDER)
        free, total = (blocks * room.f_frsize / 2**20 for blocks in (room.f_bavail, room.f_blocks))
        raise SharedMemoryError(
            f"shared memory: no room for {size / 2**20:.0f} MiB in {SHM_FOLDER}, where {free:.0f} "
            "of "
            f"{total:.0f} MiB are free ({error.strerror}); in Docker start the container with "
            "--shm-size=1g"
        ) from error
    return segment


def map_segment(name: str, *, is_writable: bool = False) -> ForeignSegment:
    """Map another process's segment. OSError if it is missing or belongs to another user."""
    if sys.platform == "win32":
        memory = SharedMemory(name=name)
        return ForeignSegment(name, memory, memory.buf if is_writable else memory.buf.toreadonly())
    descriptor = _posixshmem.shm_open(
        f"/{name}", os.O_RDWR if is_writable else os.O_RDONLY, mode=0o600
    )
    try:
        size = os.fstat(descriptor).st_size
        if size == 0:  # its maker has not set the size yet
            raise FileNotFoundError(f"{name} is still being made")
        mapping = mmap.mmap(
            descriptor, size, access=mmap.ACCESS_WRITE if is_writable else mmap.ACCESS_READ
        )
        return ForeignSegment(name, mapping, memoryview(mapping))
    finally:
        os.close(descriptor)


def unlink_segment(name: str) -> None:
    """Remove a dead process's segment. On Windows the system has done that already."""
    if sys.platform != "win32":
        with suppress(FileNotFoundError):
            _posixshmem.shm_unlink(f"/{name}")
