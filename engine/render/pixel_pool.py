"""Picture buffers that are used again once nobody holds them: fresh ones cost a page fault every 4 KB."""

import sys

import numpy as np

MAX_BUFFERS = 8  # beyond that (a sink that keeps many pictures) buffers are made and forgotten


def _holders(buffers: list[np.ndarray]) -> list[int]:
    """Reference count of each, as seen from here; a view, slice or memoryview of an array holds the array itself."""
    return [sys.getrefcount(buffer) for buffer in buffers]


_IDLE = _holders([np.empty(0, np.uint8)])[0]  # measured, since Python versions count their own references differently


class PixelPool:
    """Gives out (height, width, 4) uint8 arrays. One thread takes; any may hold."""

    def __init__(self, width: int, height: int) -> None:
        self._shape = (height, width, 4)
        self._buffers: list[np.ndarray] = []

    def makes(self, width: int, height: int) -> bool:
        """Whether its arrays have this size."""
        return self._shape == (height, width, 4)

    def take(self) -> np.ndarray:
        """An array that nobody else holds; its content is left over from before."""
        holders = _holders(self._buffers)
        if _IDLE in holders:
            return self._buffers[holders.index(_IDLE)]
        buffer = np.empty(self._shape, np.uint8)
        if len(self._buffers) < MAX_BUFFERS:
            self._buffers.append(buffer)
        return buffer
