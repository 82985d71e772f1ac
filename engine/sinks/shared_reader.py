"""Reads Multiverse's picture in another program. Copy this file: it needs only NumPy.

reader = SharedReader("Multiverse")
picture = reader.latest()  # (height, width, 4) uint8 RGBA, row 0 at the top; None before the first

Never blocks; follows changes of size and finds a restarted engine. The numbers are explained in engine/ipc/layout.py.
"""

import sys
import tempfile
import threading
import time
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path

import numpy as np

FOLDER = Path("/dev/shm") if sys.platform == "linux" else Path(tempfile.gettempdir(), "multiverse-rings")
UNTRACKED = {"track": False} if sys.version_info >= (3, 13) else {}


class SharedReader:
    def __init__(self, name: str = "Multiverse") -> None:
        self.name, self.number, self.fence = name, 0, threading.Barrier(1)
        self.ring: tuple[shared_memory.SharedMemory, memoryview, memoryview[int]] | None = None  # bytes, header
        self.picture: np.ndarray | None = None

    def latest(self) -> "np.ndarray | None":
        """The newest complete picture; the same array until there is a newer one."""
        if not self.ring or self.ring[2][1] >> 32 != 1 or time.time_ns() - self.ring[2][9] > 2e9:
            self.connect()  # no ring yet, or it closed, moved, or sent no heartbeat for 2 s
        if self.ring and (number := self.ring[2][8]) not in (0, self.number):
            _, data, words = self.ring
            shape = words[2] >> 32, words[2] & 0xFFFFFFFF, words[3] & 0xFFFFFFFF
            at = words[6] + number % 3 * words[5]
            counters = data[at : at + 16].cast("Q")  # begin, end
            was_whole = counters[1] == number
            self.fence.wait(), self.fence.wait()  # locks and unlocks twice: a memory barrier, for ARM
            copy = np.frombuffer(data, np.uint8, np.prod(shape), at + 64).reshape(shape).copy()
            self.fence.wait(), self.fence.wait()
            if was_whole and counters[0] == number:  # else it was overwritten meanwhile: keep the previous picture
                self.number, self.picture = number, copy
        return self.picture

    def connect(self) -> None:
        newest = 0
        for path in FOLDER.glob("multiverse-*"):
            try:
                memory = shared_memory.SharedMemory(path.name, **UNTRACKED)
            except (OSError, ValueError):  # just removed, or still being created
                continue
            if not UNTRACKED and sys.platform != "win32":  # otherwise our exit unlinks the memory for all processes
                resource_tracker.unregister(memory._name, "shared_memory")  # type: ignore[attr-defined]  # private
            assert memory.buf is not None  # it is open
            words = memoryview(bytes(memory.buf[:4096])).cast("Q")
            is_open_ring = words[0] == 0x474E4952564D and words[1] == 1 << 32 | 1  # "MVRING", version 1, open
            is_ours = bytes(words[16:24]).rstrip(b"\0") == self.name.encode()
            if is_open_ring and is_ours and words[13] > newest and time.time_ns() - words[9] < 2e9:
                newest, self.number = words[13], 0
                self.ring = memory, memory.buf, memory.buf[:4096].cast("Q")
