"""The feature vectors of a voice out of its FAISS `.index` file. Does not load torch."""

from pathlib import Path

import numpy as np

from engine.errors import ModelError


def read_index(path: Path, channels: int) -> np.ndarray:
    """(n, channels) float32, in the order they were added. FAISS only reads the file, it searches nothing.

    ModelError in one line where it is no index, is empty, or belongs to features of another width.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        import faiss
    except ImportError as error:
        raise ModelError(f"{path}: reading an index needs faiss; pip install faiss-cpu") from error
    try:
        index = faiss.read_index(str(path))
        if isinstance(index, faiss.IndexIVF):
            index.make_direct_map()  # which row lies in which list
        if index.d != channels or not index.ntotal:
            raise ModelError(_why_not(path, index.d, index.ntotal, channels))
        return np.ascontiguousarray(index.reconstruct_n(0, index.ntotal), np.float32)
    except RuntimeError as error:
        raise ModelError(f"{path}: no FAISS index, or cut off; copy it again") from error


def _why_not(path: Path, width: int, count: int, channels: int) -> str:
    if not count:
        return f"{path}: the index is empty"
    return f"{path}: its vectors have {width} numbers, the voice's {channels}: it belongs to another version of RVC"
