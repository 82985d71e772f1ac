"""Reads the feature vectors of a FAISS `.index` file with NumPy alone. Does not load torch or
faiss.

The macOS wheels of PyTorch and faiss each bring an OpenMP runtime, and the second one loaded ends
the process ("OMP: Error #15"). RVC only uses the vectors of an index, which its files store
unchanged, so faiss is not needed.

The layout is that of faiss/impl/index_write.cpp (write_index, write_ivf_header, write_direct_map,
write_InvertedLists), little-endian, without gaps; `count`, `lists` and sizes are 64 bits:

    index  = "IxF2" | "IxFI" | "IxFl"  header  count  float32[count]
           | "IwFl"  header  lists  probed  index of the lists' centres  map  inverted
    header = width int32, vectors, two unused, trained int8, metric int32 (above 1: and its
    argument, float32)
    map    = kind int8 (0 none, 1 array, 2 hash table)  count  int64[count]  (2: and  count  (int64,
           int64)[count])
    inverted = "ilar"  lists  bytes per vector  sizes  and, for each non-empty list, float32[size,
                       width]
               int64[size]: the ids that its vectors were added with
    sizes  = "full"  count  uint64[count] | "sprs"  count  (list, size)[count / 2]

A file may be broken: every size is compared with the rest of the file before it is used.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.errors import ModelError
from engine.system.small_file import open_regular

_FLAT: Final = (b"IxF2", b"IxFI", b"IxFl")
_IVF_FLAT: Final = b"IwFl"
_OTHERS: Final = {
    b"IxMp": "IDMap",
    b"IxM2": "IDMap2",
    b"IxPq": "PQ",
    b"IxSQ": "SQ",
    b"IwPQ": "IVF,PQ",
    b"IwQR": "IVF,PQ+R",
    b"IwSq": "IVF,SQ",
    b"IwPf": "IVF,PQ fast scan",
    b"IwFd": "IVF,FlatDedup",
    b"IHNf": "HNSW,Flat",
    b"IHNp": "HNSW,PQ",
    b"IHNs": "HNSW,SQ",
    b"IxPT": "an index behind a transform (OPQ, PCA)",
    b"IxRF": "Refine",
}
_ADVICE: Final = "a voice's index is IVF,Flat, as RVC and Applio train it: train it there again"
_NUMBER_BYTES: Final = 4
_ID_BYTES: Final = 8
_BUFFER_BYTES: Final = 2**22
"""Bytes of vectors that are read at once before they are put in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Consecutive vectors in the file."""

    offset: int
    rows: np.ndarray
    """Row of each vector: (n,) int64."""


def count_vectors(path: Path, channels: int) -> int:
    """Number of vectors in the index, in milliseconds: reads everything except the vectors.
    ModelError in one line for everything that `read_index` refuses, except NaN and infinity."""
    with _open(path) as stream:
        return sum(len(block.rows) for block in _IndexParser(path, stream, channels).blocks())


def read_index(path: Path, channels: int) -> np.ndarray:
    """The vectors (n, channels) float32, in the order they were added. Needs the memory of the
    result plus 4 MiB. ModelError in one line if it is not an index, is empty or broken, or belongs
    to features of another width."""
    with _open(path) as stream:
        walk = _IndexParser(path, stream, channels)
        blocks = walk.blocks()
        count = sum(len(block.rows) for block in blocks)
        try:
            vectors = np.empty((count, channels), np.float32)
        except MemoryError as error:
            size_mb = count * channels * _NUMBER_BYTES / 2**20
            raise ModelError(
                f"{path}: {count} vectors take {size_mb:.0f} MB of memory, more than is free"
            ) from error
        buffer = np.empty((max(1, _BUFFER_BYTES // (channels * _NUMBER_BYTES)), channels), "<f4")
        for block in blocks:
            stream.seek(block.offset)
            for first in range(0, len(block.rows), len(buffer)):
                rows = block.rows[first : first + len(buffer)]
                read = buffer[: len(rows)]
                walk.fill(read)
                if not np.isfinite(read).all():
                    raise ModelError(f"{path}: holds NaN or infinity; train the index again")
                vectors[rows] = read
        return vectors


@contextmanager
def _open(path: Path) -> Iterator[BufferedReader]:
    try:
        with open_regular(path) as stream:
            yield stream
    except OSError as error:
        raise ModelError(f"{path}: the index cannot be read: {error.strerror or error}") from error


class _IndexParser:
    """Parses an index from the start, without reading its vectors."""

    def __init__(self, path: Path, stream: BufferedReader, channels: int) -> None:
        self._path = path
        self._stream = stream
        self._channels = channels
        self._size = os.fstat(stream.fileno()).st_size

    def blocks(self) -> tuple[_Block, ...]:
        """All vectors in file order; their rows are 0 to n - 1, each once. ModelError for anything
        wrong."""
        kind = self._stream.read(4)
        if not kind.startswith(b"I"):
            raise ModelError(f"{self._path}: no FAISS index")
        if kind not in (*_FLAT, _IVF_FLAT):
            raise ModelError(f"{self._path}: is {_label(kind)}, which is not supported; {_ADVICE}")
        count, width = self._read_header()
        if count == 0:
            raise ModelError(
                f"{self._path}: the index is empty; RVC's trained_*.index always is, the vectors "
                "are in added_*.index"
            )
        if width != self._channels:
            raise ModelError(
                f"{self._path}: its vectors have {width} numbers, the voice's {self._channels}: "
                "it belongs to another version of RVC; name the right one with --index, or "
                "--index none"
            )
        return self._parse_flat(count) if kind in _FLAT else self._parse_inverted_lists(count)

    def fill(self, numbers: np.ndarray) -> None:
        """Fill the array with numbers from the current position."""
        view = numbers.reshape(-1).view(np.uint8).data
        if self._stream.readinto(view) != len(view):
            raise self._truncated()

    def _read_header(self) -> tuple[int, int]:
        """The number of vectors, and of values in each."""
        width, count, _, _, _, metric = self._unpack("<iqqq?i")
        if metric > 1:  # neither inner product (0) nor L2 (1)
            self._skip(_NUMBER_BYTES)
        if width <= 0 or count < 0:
            raise self._truncated()
        return count, width

    def _parse_flat(self, count: int) -> tuple[_Block, ...]:
        numbers = self._unpack("<Q")[0]
        self._require_room(count)
        if numbers != count * self._channels:
            raise self._truncated()
        block = _Block(offset=self._stream.tell(), rows=np.arange(count))
        self._skip(numbers * _NUMBER_BYTES)
        return (block,)

    def _parse_inverted_lists(self, count: int) -> tuple[_Block, ...]:
        lists, _ = self._unpack("<QQ")  # skips the number of lists to search
        self._skip_centres()
        self._skip_map()
        self._require_lists()
        self._require_room(count)
        if self._unpack("<QQ") != (lists, self._channels * _NUMBER_BYTES):
            raise self._truncated()
        sizes = self._read_list_sizes(lists)
        # Python integers, because the sizes in a broken file can overflow 64 bits
        total = sum(sizes)
        if total != count:
            raise ModelError(
                f"{self._path}: declares {count} vectors, but its lists hold {total}: damaged, or "
                "trained on "
                "NaN; copy it again, or train it again"
            )
        blocks = []
        for size in sizes:
            offset = self._stream.tell()
            self._skip(size * self._channels * _NUMBER_BYTES)
            blocks.append(_Block(offset=offset, rows=self._read_array(size, "<i8")))
        self._require_each_row_once(blocks, count)
        return tuple(blocks)

    def _skip_centres(self) -> None:
        kind = self._unpack("<4s")[0]
        if kind not in _FLAT:
            raise ModelError(
                f"{self._path}: finds its lists with {_label(kind)}, which is not supported; "
                f"{_ADVICE}"
            )
        self._read_header()
        self._skip(self._unpack("<Q")[0] * _NUMBER_BYTES)

    def _skip_map(self) -> None:
        """Skip the direct map; the lists hold the same information."""
        (kind,) = self._unpack("<b")
        self._skip(self._unpack("<Q")[0] * _ID_BYTES)
        if kind == 2:  # hash table
            self._skip(self._unpack("<Q")[0] * 2 * _ID_BYTES)

    def _require_lists(self) -> None:
        kind = self._unpack("<4s")[0]
        if kind == b"ilod":
            raise ModelError(
                f"{self._path}: names another file for its vectors, which is not opened; {_ADVICE}"
            )
        if kind == b"il00":
            raise ModelError(f"{self._path}: was written without its vectors; {_ADVICE}")
        if kind != b"ilar":
            raise self._truncated()

    def _read_list_sizes(self, lists: int) -> list[int]:
        """Sizes of the non-empty lists, in file order."""
        kind = self._unpack("<4s")[0]
        (count,) = self._unpack("<Q")
        numbers = self._read_array(count, "<u8")
        if kind == b"full" and count == lists:
            return [size for size in numbers.tolist() if size]
        if kind == b"sprs" and count % 2 == 0:
            list_numbers = numbers[::2]
            sizes = numbers[1::2]
            if (list_numbers < lists).all() and (list_numbers[1:] > list_numbers[:-1]).all():
                return [size for size in sizes.tolist() if size]
        raise self._truncated()

    def _require_each_row_once(self, blocks: list[_Block], count: int) -> None:
        is_there = np.zeros(count, bool)
        for block in blocks:
            if block.rows.min() < 0 or block.rows.max() >= count:
                break
            is_there[block.rows] = True
        if not is_there.all():
            raise ModelError(
                f"{self._path}: its vectors are not numbered consecutively; train the index again"
            )

    def _require_room(self, count: int) -> None:
        if count * self._channels * _NUMBER_BYTES > self._size:
            raise ModelError(
                f"{self._path}: truncated; it declares {count} vectors and is too short for them"
            )

    def _read_array(self, count: int, dtype: str) -> np.ndarray:
        """Read an array (count,) from the current position."""
        self._require_left(count * np.dtype(dtype).itemsize)
        numbers = np.empty(count, dtype)
        self.fill(numbers)
        return numbers

    def _unpack(self, layout: str) -> tuple[Any, ...]:
        size = struct.calcsize(layout)
        content = self._stream.read(size)
        if len(content) < size:
            raise self._truncated()
        return struct.unpack(layout, content)

    def _skip(self, bytes_: int) -> None:
        self._require_left(bytes_)
        self._stream.seek(bytes_, os.SEEK_CUR)

    def _require_left(self, bytes_: int) -> None:
        if bytes_ > self._size - self._stream.tell():
            raise self._truncated()

    def _truncated(self) -> ModelError:
        return ModelError(f"{self._path}: truncated or damaged; copy it again")


def _label(kind: bytes) -> str:
    code = kind.decode("ascii", "backslashreplace")
    return f"{_OTHERS[kind]} ({code})" if kind in _OTHERS else f"an index of the kind {code!r}"
