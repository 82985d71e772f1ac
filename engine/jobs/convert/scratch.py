"""Temporary sound on the disk: raw float32, mono, random access. Keeps memory bounded."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.errors import SinkError
from engine.system.atomic_file import when_free

BYTES = 4
AT_ONCE = 2**18
"""Samples per block: one megabyte."""


class Scratch:
    """A temporary sound file. Not thread-safe. SinkError, in one line, if the disk is full."""

    def __init__(self, path: Path) -> None:
        """Open the file and keep its content."""
        self.path = path
        try:
            when_free(path.touch, path)
            self._file = when_free(lambda: path.open("r+b", buffering=0), path)
        except OSError as error:
            raise _unwritten(path, error) from error

    @property
    def samples(self) -> int:
        return self._file.seek(0, 2) // BYTES

    def append(self, sound: np.ndarray) -> None:
        self.write(self.samples, sound)

    def write(self, first: int, sound: np.ndarray) -> None:
        """Write (n,) float32 at sample `first`. A gap before it reads as silence."""
        left = np.ascontiguousarray(sound, np.float32).data.cast("B")
        try:
            self._file.seek(first * BYTES)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _unwritten(self.path, error) from error

    def read(self, first: int, count: int) -> np.ndarray:
        """Read (count,) float32 into a new array; fewer at the end."""
        sound = np.empty(count, np.float32)
        self._file.seek(first * BYTES)
        left = sound.data.cast("B")
        got = 0
        while got < len(left) and (more := self._file.readinto(left[got:])):
            got += more
        return sound[: got // BYTES]

    def blocks(self) -> Iterator[np.ndarray]:
        """The whole sound, in order."""
        for first in range(0, self.samples, AT_ONCE):
            yield self.read(first, AT_ONCE)

    def crc(self) -> int:
        """CRC-32 of the whole file."""
        crc = 0
        for block in self.blocks():
            crc = zlib.crc32(block.data, crc)
        return crc

    def empty(self) -> None:
        self._file.truncate(0)

    def close(self) -> None:
        self._file.close()


def _unwritten(path: Path, error: OSError) -> SinkError:
    return SinkError(f"{path}: cannot be written ({error.strerror or error})")
