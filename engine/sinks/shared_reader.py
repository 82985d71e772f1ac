"""Reads Multiverse's picture in another program. Copy this file: it needs only NumPy.

reader = SharedReader("Multiverse")
picture = reader.latest()  # (height, width, 4) uint8 RGBA, row 0 at the top; None before the first
`latest` never blocks; it follows changes of size and finds a restarted engine. A loop that calls
`reader.wait(0.1)` before it gets each picture when it is published. The numbers are explained in
engine/ipc/layout.py.
"""

import ctypes
import platform
import sys
import tempfile
import threading
import time
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = (
    Path("/dev/shm") if sys.platform == "linux" else Path(tempfile.gettempdir(), "multiverse-rings")
)
# a system call
FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine()) if sys.platform == "linux" else None
UNTRACKED = {"track": False} if sys.version_info >= (3, 13) else {}


class SharedReader:
    def __init__(self, name: str = "Multiverse") -> None:
        self.name = name
        self.number = 0
        self.fence = threading.Barrier(1)
        # a SharedMemory; no view of it is kept, because at exit it may be freed before that
        self.ring: Any = None
        self.picture: np.ndarray | None = None

    def latest(self) -> "np.ndarray | None":
        """The newest complete picture; the same array until there is a newer one."""
        if not self.ring or self.field(8) >> 32 != 1 or time.time_ns() - self.field(72) > 2e9:
            self.connect()  # no ring yet, or it closed, moved, or sent no heartbeat for 2 s
        if self.ring and (number := self.field(64)) not in (0, self.number):
            shape = self.field(16) >> 32, self.field(16) & 0xFFFFFFFF, self.field(24) & 0xFFFFFFFF
            at = self.field(48) + number % 3 * self.field(40)  # begin, end, pixels
            was_whole = self.field(at + 8) == number
            # locks and unlocks twice: a memory barrier, for ARM
            _ = (self.fence.wait(), self.fence.wait())
            copy = (
                np.frombuffer(self.ring.buf, np.uint8, np.prod(shape), at + 64)
                .reshape(shape)
                .copy()
            )
            _ = self.fence.wait(), self.fence.wait()
            # else it was overwritten meanwhile: keep the previous picture
            if was_whole and self.field(at) == number:
                self.number = number
                self.picture = copy
        return self.picture

    def wait(self, timeout_s: float) -> None:
        """Return when there may be a newer picture, or after `timeout_s`. Linux wakes it; others
        return after 1 ms."""
        is_open = self.ring and self.field(8) >> 32 == 1
        if is_open and FUTEX:  # asleep only while the counter has the number of our picture
            address = np.frombuffer(self.ring.buf, np.uint32, 1, 64).ctypes.data
            pause = (ctypes.c_long * 2)(int(timeout_s), int(timeout_s % 1 * 1e9))
            ctypes.CDLL(None).syscall(
                FUTEX, ctypes.c_void_p(address), 0, ctypes.c_uint32(self.number), pause
            )
        else:
            time.sleep(min(timeout_s, 0.001) if is_open else timeout_s)

    def field(self, at: int) -> int:  # 64 bits
        return int(self.ring.buf[at : at + 8].cast("Q")[0])

    def connect(self) -> None:
        newest = 0
        for path in FOLDER.glob("multiverse-*"):
            try:
                memory: Any = shared_memory.SharedMemory(path.name, **UNTRACKED)
            except (OSError, ValueError):  # just removed, or still being created
                continue
            # otherwise our exit unlinks the memory for all processes
            if not UNTRACKED and sys.platform != "win32":
                resource_tracker.unregister(memory._name, "shared_memory")
            header = memoryview(bytes(memory.buf[:4096]).ljust(4096, b"\0")).cast("Q")
            fits = 0 < np.prod(np.frombuffer(header, "u4")[4:7], dtype=float) <= header[5] - 64
            is_whole = fits and 4096 <= header[6] <= memory.size - 3 * header[5]
            # "MVRING", version 1, open
            is_open_ring = header[0] == 0x474E4952564D and header[1] == 1 << 32 | 1
            is_ours = (
                bytes(header[16:24]).rstrip(b"\0") == self.name.encode() and header[13] > newest
            )
            if is_open_ring and is_whole and is_ours and time.time_ns() - header[9] < 2e9:
                newest = header[13]
                self.number = 0
                self.ring = memory
