"""Multiverse's picture in another program. Copy this file: it needs NumPy, and nothing of Multiverse.

reader = SharedReader("Multiverse")
picture = reader.latest()  # (height, width, 4) uint8 RGBA, row 0 at the top; None until there is one

Never blocks; follows changes of size and finds a restarted engine. For the numbers see engine/ipc/layout.py.
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
        self.name, self.number, self.lock = name, 0, threading.Lock()
        self.words: memoryview[int] | None = None
        self.memory: shared_memory.SharedMemory | None = None
        self.picture: np.ndarray | None = None

    def latest(self) -> "np.ndarray | None":
        """The newest whole picture; the same array again while nothing is new."""
        if not self.words or self.words[1] >> 32 != 1 or time.time_ns() - self.words[9] > 2e9:
            self.connect()  # there was none, or it closed, or moved, or has shown no sign of life for 2 s
        words, memory = self.words, self.memory
        number = words[8] if words else 0
        if words and memory and number not in (0, self.number):
            shape = words[2] >> 32, words[2] & 0xFFFFFFFF, words[3] & 0xFFFFFFFF
            at = words[6] + number % 3 * words[5]
            counters = memory.buf[at : at + 16].cast("Q")  # begin, end
            was_whole = counters[1] == number
            self.fence()
            copy = np.frombuffer(memory.buf, np.uint8, np.prod(shape), at + 64).reshape(shape).copy()
            self.fence()
            if was_whole and counters[0] == number:  # else it was overwritten: the picture before stays
                self.number, self.picture = number, copy
        return self.picture

    def fence(self) -> None:
        """A memory barrier, which ARM needs."""
        for _ in range(2):
            with self.lock:
                pass

    def connect(self) -> None:
        newest = 0
        for path in FOLDER.glob("multiverse-*"):
            try:
                memory = shared_memory.SharedMemory(path.name, **UNTRACKED)
            except (OSError, ValueError):  # gone meanwhile, or still being made
                continue
            if not UNTRACKED and sys.platform != "win32":  # else our end would take the memory from everybody
                resource_tracker.unregister(memory._name, "shared_memory")  # type: ignore[attr-defined]  # private
            words = memoryview(bytes(memory.buf[:4096])).cast("Q")
            is_open_ring = words[0] == 0x474E4952564D and words[1] == 1 << 32 | 1  # "MVRING", version 1, open
            is_ours = bytes(words[16:24]).rstrip(b"\0") == self.name.encode()
            if is_open_ring and is_ours and words[13] > newest and time.time_ns() - words[9] < 2e9:
                newest, self.words = words[13], memory.buf[:4096].cast("Q")
                self.memory, self.number = memory, 0
