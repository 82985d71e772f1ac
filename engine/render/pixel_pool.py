"""Reuses picture buffers that are no longer referenced: a new one costs a page fault every 4 KB."""

import sys

import numpy as np

MAX_BUFFERS = 8  # more buffers, for a sink that stores many pictures, are not reused


def _reference_counts(buffers: list[np.ndarray]) -> list[int]:
    """Return the reference count of each; a view, slice or memoryview of an array references the
    array itself."""
    return [sys.getrefcount(buffer) for buffer in buffers]


(_IDLE,) = _reference_counts(
    [np.empty(0, np.uint8)]
)  # measured: Python versions differ in their own references


class PixelPool:
    """A pool of (height, width, 4) arrays of one dtype. `take` on one thread; any thread may store
    them."""

    def __init__(self, width: int, height: int, dtype: type[np.generic] = np.uint8) -> None:
        self._shape = (height, width, 4)
        self._dtype = dtype
        self._buffers: list[np.ndarray] = []

    def makes(self, width: int, height: int) -> bool:
        """True if its arrays have this size."""
        return self._shape == (height, width, 4)

    def take(self) -> np.ndarray:
        """Return an array that is not referenced elsewhere; its content is undefined."""
        holders = _reference_counts(self._buffers)
        if _IDLE in holders:
            return self._buffers[holders.index(_IDLE)]
        buffer = np.empty(self._shape, self._dtype)
        if len(self._buffers) < MAX_BUFFERS:
            self._buffers.append(buffer)
        return buffer
