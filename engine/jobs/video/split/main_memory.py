"""Measures the peak of the main memory that several processes use together.

Resident sizes cannot be added up: torch's libraries and memory-mapped weights are in memory only once, however many
processes map them. Linux knows each process's share of such pages (PSS), but has to walk all its pages for it: 8 ms for
a process with torch, compared with 20 us for the resident size. So we poll resident sizes twice a second, and read PSS
only after they have grown. Other systems report only resident sizes of other processes; there shared pages count once
per process.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psutil

POLL_S: Final = 0.5
ENDING_S: Final = 1.0  # a process that hangs in a driver may hold a lock that the measurement needs
GROWN: Final = 1.01  # otherwise every small fluctuation would cost a walk over all pages


class MainMemory:
    """Measures on its own thread until `close`. Misses peaks shorter than half a second and growth below 1 %."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._sizes_bytes = self._peak_bytes = 0
        self._looking = threading.Lock()
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="video split memory", daemon=True)
        self._family: list[psutil.Process] = []
        for pid in pids:
            with suppress(psutil.Error):  # the process has died already
                self._family.append(psutil.Process(pid))
        self._thread.start()

    @property
    def peak_mb(self) -> float:
        """MiB. Any thread, also after `close`."""
        return self._peak_bytes / 2**20

    def look(self) -> None:
        """Measure now, unless closed. Any thread; dead processes count as 0."""
        with self._looking:
            if self._is_closed.is_set():  # their process ids may have been reused
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
    with suppress(psutil.Error, OSError):  # OSError from /proc, for a process that is just dying
        return int(process.memory_info().rss)
    return 0


def _share_bytes(process: psutil.Process) -> int:
    """Proportional set size (PSS): private memory plus its share of shared memory; else the resident size."""
    with suppress(psutil.Error, OSError):
        share = getattr(process.memory_full_info(), "pss", None)  # Linux only
        if share is not None:
            return int(share)
    return _size_bytes(process)
