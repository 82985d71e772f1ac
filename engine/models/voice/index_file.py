"""The feature vectors of a voice out of its FAISS `.index` file. Does not load torch."""

import struct
from pathlib import Path

import numpy as np

from engine.errors import ModelError

_HEADER = struct.Struct("<4siq")  # kind, numbers of a vector, vectors: faiss/impl/index_write.cpp, write_index_header


def index_size(path: Path) -> tuple[int, int]:
    """(vectors, numbers of each) as the file says, in microseconds; ModelError where it is no index."""
    try:
        with path.open("rb") as stream:
            kind, width, count = _HEADER.unpack(stream.read(_HEADER.size))
    except (OSError, struct.error):
        kind = b""
    if not kind.startswith(b"I"):
        raise ModelError(f"{path}: no FAISS index")
    return count, width


def demand_width(path: Path, channels: int) -> None:
    """ModelError where the index is empty or its vectors are not `channels` numbers."""
    count, width = index_size(path)
    if not count:
        raise ModelError(f"{path}: the index is empty")
    if width != channels:
        raise ModelError(
            f"{path}: its vectors have {width} numbers, the voice's {channels}: it belongs to another version of RVC"
        )


def read_index(path: Path, channels: int) -> np.ndarray:
    """(n, channels) float32, in the order they were added. FAISS only reads the file, it searches nothing.

    ModelError in one line where it is no index, is empty, or belongs to features of another width.
    """
    demand_width(path, channels)
    try:
        import faiss
    except ImportError as error:
        raise ModelError(f"{path}: reading an index needs faiss; pip install faiss-cpu") from error
    try:
        index = faiss.read_index(str(path))
        return index.reconstruct_n(0, index.ntotal)
    except (RuntimeError, MemoryError) as error:
        raise ModelError(f"{path}: an index that FAISS cannot read; cut off? copy it again") from error
