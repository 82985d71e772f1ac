"""Measures the peak of the main memory that processes use together.

What each holds by itself cannot be added up: torch's libraries, and weights that are read through a mapping of their
file, lie once in the memory however many processes see them. Linux knows each process's share of such pages (PSS), but
goes through all its pages to tell it: 8 ms for a process with torch, where the resident size, which counts them in
full, takes 20 us. So the sizes are looked at twice a second, and the shares only where the sizes have grown. Other
systems tell nothing better than resident sizes of another process; there shared pages count in each.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psutil

POLL_S: Final = 0.5
ENDING_S: Final = 1.0  # a process that hangs in a driver may hold what a look waits for
GROWN: Final = 1.01  # else it would go through all pages for each small thing that comes and goes


class MainMemory:
    """Measures on a thread of its own until `close`. Misses peaks shorter than half a second and growth below one
    percent."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._sizes_bytes = self._peak_bytes = 0
        self._looking = threading.Lock()
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="video split memory", daemon=True)
        self._family: list[psutil.Process] = []
        for pid in pids:
            with suppress(psutil.Error):  # it has died already
                self._family.append(psutil.Process(pid))
        self._thread.start()

    @property
    def peak_mb(self) -> float:
        """MiB. Any thread, also after `close`."""
        return self._peak_bytes / 2**20

    def look(self) -> None:
        """Measure now, unless closed. Any thread; dead processes count as 0."""
        with self._looking:
            if self._is_closed.is_set():  # their numbers may be those of others by now
                return
            sizes_bytes = sum(map(_size_bytes, self._family))
            if sizes_bytes > GROWN * self._sizes_bytes:
                self._sizes_bytes = sizes_bytes
                self._peak_bytes = max(self._peak_bytes, sum(map(_share_bytes, self._family)))

    def close(self) -> None:
        """Stop measuring. Idempotent."""
        self._is_closed.set()
        self._thread.join(ENDING_S)

    def _run(self) -> None:
        self.look()
        while not self._is_closed.wait(POLL_S):
            self.look()


def _size_bytes(process: psutil.Process) -> int:
    """Resident size, shared memory included; 0 for a dead process."""
    with suppress(psutil.Error, OSError):  # OSError: of /proc, of one that dies at this moment
        return int(process.memory_info().rss)
    return 0


def _share_bytes(process: psutil.Process) -> int:
    """Proportional size (PSS): its own memory and its share of shared memory; else its resident size."""
    with suppress(psutil.Error, OSError):
        share = getattr(process.memory_full_info(), "pss", None)  # Linux alone has it
        if share is not None:
            return int(share)
    return _size_bytes(process)
