"""The feature vectors of a voice out of its FAISS `.index` file. Does not load torch."""

import os
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np

from engine.errors import ModelError

_HEADER = struct.Struct("<4siq")  # kind, numbers of a vector, vectors: faiss/impl/index_write.cpp, write_index_header
_FLAT = (b"IxF2", b"IxFI", b"IxFl")
_KINDS = (b"IwFl", *_FLAT)
"""IVF,Flat, which RVC trains, and the flat ones: they hold their vectors as they are. Asked for those of some of the
others, FAISS ends the whole process."""
_NUMBER_BYTES = 4
_REST = struct.Struct("<qq?i")  # of a header: two that mean nothing, trained or not, what a distance is
_ARGUMENT = struct.Struct("<f")  # of a distance that is neither an inner product (0) nor Euclid's (1)
_COUNT = struct.Struct("<Q")
_DIRECT_MAP = struct.Struct("<bQ")  # kind, entries
_TABLE = 2  # a direct map that goes on behind its entries; RVC writes none
_HERE, _ELSEWHERE = b"ilar", b"ilod"


def index_size(path: Path) -> tuple[int, int]:
    """(vectors, numbers of each) as the file says, in microseconds; ModelError where it is no index."""
    try:
        with path.open("rb") as stream:
            kind, width, count = _HEADER.unpack(stream.read(_HEADER.size))
    except (OSError, struct.error):
        kind = b""
    if not kind.startswith(b"I"):
        raise ModelError(f"{path}: no FAISS index")
    if kind not in _KINDS:
        raise ModelError(f"{path}: an index that does not keep its vectors as they are; a voice's is IVF,Flat")
    return count, width


def demand_width(path: Path, channels: int) -> None:
    """ModelError where the index is empty, its vectors are not `channels` numbers, or they are not all in this file."""
    count, width = index_size(path)
    if count <= 0:
        raise ModelError(f"{path}: the index is empty")
    if width != channels:
        raise ModelError(
            f"{path}: its vectors have {width} numbers, the voice's {channels}: it belongs to another version of RVC"
        )
    _demand_lists(path)
    if count * width * _NUMBER_BYTES > path.stat().st_size:
        raise ModelError(f"{path}: cut off; it says {count} vectors, and is too short for them")


def _demand_lists(path: Path) -> None:
    """ModelError where an IVF index does not hold its lists itself: FAISS opens whatever file it names instead.

    Walks over what stands before them (faiss/impl/index_write.cpp: write_ivf_header), reading none of it.
    """
    try:
        with path.open("rb") as stream:
            if _skip_header(stream) != b"IwFl":
                return
            stream.seek(2 * _COUNT.size, os.SEEK_CUR)  # lists, and how many of them to search
            if _skip_header(stream) not in _FLAT:
                raise ModelError(f"{path}: its lists are found in a way that RVC does not train; a voice's is IVF,Flat")
            stream.seek(_NUMBER_BYTES * _unpacked(stream, _COUNT)[0], os.SEEK_CUR)
            kind, numbered = _unpacked(stream, _DIRECT_MAP)
            stream.seek(8 * numbered, os.SEEK_CUR)
            lists = stream.read(4) if kind != _TABLE else b""
    except (OSError, OverflowError, ValueError, struct.error):
        lists = b""
    if lists == _ELSEWHERE:
        raise ModelError(f"{path}: names another file for its vectors, which is not opened; train the index again")
    if lists != _HERE:
        raise ModelError(f"{path}: an index that FAISS cannot read; cut off? copy it again")


def _skip_header(stream: IO[bytes]) -> bytes:
    """The kind of the index whose header begins here."""
    kind, _, _ = _unpacked(stream, _HEADER)
    *_, distance = _unpacked(stream, _REST)
    if distance > 1:
        stream.seek(_ARGUMENT.size, os.SEEK_CUR)
    return kind


def _unpacked(stream: IO[bytes], what: struct.Struct) -> tuple[Any, ...]:
    return what.unpack(stream.read(what.size))


def read_index(path: Path, channels: int) -> np.ndarray:
    """(n, channels) float32, in the order they were added. FAISS only reads the file, it searches nothing.

    ModelError in one line where it is no index, is empty or broken, or belongs to features of another width.
    """
    demand_width(path, channels)
    try:
        import faiss
    except ImportError as error:
        raise ModelError(f"{path}: reading an index needs faiss; pip install faiss-cpu") from error
    try:
        index = faiss.read_index(str(path))
        vectors = index.reconstruct_n(0, index.ntotal) if _has_every_number(index) else None
    except (RuntimeError, MemoryError) as error:
        raise ModelError(f"{path}: an index that FAISS cannot read; cut off? copy it again") from error
    if vectors is None:
        raise ModelError(f"{path}: its vectors are not numbered one after the other; train the index again")
    if not np.isfinite(vectors.sum(axis=1)).all():
        raise ModelError(f"{path}: holds numbers that are none (NaN or infinity); train the index again")
    return vectors


def _has_every_number(index: Any) -> bool:
    """Whether each vector is there: what FAISS does not find by its number it leaves as the memory was."""
    import faiss

    if not isinstance(index, faiss.IndexIVFFlat):
        return True
    lists = index.invlists
    numbers = [faiss.rev_swig_ptr(lists.get_ids(each), lists.list_size(each)) for each in range(index.nlist)]
    return np.array_equal(np.sort(np.concatenate(numbers)), np.arange(index.ntotal))
