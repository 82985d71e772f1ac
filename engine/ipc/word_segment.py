"""A page of 8-byte words shared by processes. Each word has one writer, so plain loads and stores are enough."""

from contextlib import suppress
from typing import Self

import numpy as np

from engine.ipc import layout
from engine.ipc.fence import Fence
from engine.ipc.owned_segment import OwnedSegment, open_segment
from engine.ipc.ring_folder import RingFolder, system_folder
from engine.ipc.segment import MappedSegment


class WordSegment:
    """Base of `ChildWords` and `Gate`. Use it on any thread, at any time."""

    _kind: layout.SegmentKind

    def __init__(self, memory: MappedSegment) -> None:
        self._memory = memory
        self._is_open = True
        self._fence = Fence()
        self._words = np.frombuffer(memory.buf, np.uint64, layout.PAGE_BYTES // 8)
        self._floats = self._words.view(np.float64)

    @classmethod
    def _make(cls, name: str, folder: RingFolder | None) -> Self:
        return cls(OwnedSegment(cls._kind, name, layout.PAGE_BYTES, folder or system_folder()))

    @classmethod
    def open(cls, segment: str) -> Self:
        """Open words that another process made. SharedMemoryError when they are gone."""
        return cls(open_segment(cls._kind, segment, is_writable=True))

    @property
    def segment(self) -> str:
        """Name of the segment, for other processes to open."""
        return self._memory.name

    def close(self) -> None:
        """Unmap the memory; its maker also removes the name.

        The last values stay readable, for threads that still use it.
        """
        if not self._is_open:
            return
        self._is_open = False
        words = self._words.copy()
        self._words, self._floats = words, words.view(np.float64)
        with suppress(BufferError):  # another thread is using a word: the mapping is freed with its array
            self._memory.close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # __init__ failed
            self.close()
