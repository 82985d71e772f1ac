"""Colours, depth and instances of a picture in one HDF5 file, with BlenderProc's names."""

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from engine.errors import SinkError, UsageError
from engine.jobs.dataset.rendered import Rendered

INSTALL = '--save-hdf5 needs h5py; get it with: pip install "multiverse-engine[dataset]"'
GZIP_LEVEL = 1
CHUNK_BYTES = 2**20  # size of HDF5's chunk cache; a larger chunk would be decompressed again for each row


def require_h5py() -> ModuleType:
    """Import h5py; UsageError says how to install it."""
    try:
        import h5py
    except ImportError as error:
        raise UsageError(INSTALL) from error
    module: ModuleType = h5py
    return module


def hdf5_bytes(rendered: Rendered, more: Mapping[str, np.ndarray] = MappingProxyType({})) -> bytes:
    """A file of `colors` (h, w, 3) uint8, `depth` (h, w) float32 metres, `instance_segmaps` (h, w) uint16, 0 for none.

    `more`: further arrays by name. The same arrays give the same bytes: no time is stored. Compressed in bands of whole
    rows. About 100 MB for a picture of 5280x3956.
    """
    h5py = require_h5py()
    packed = io.BytesIO()
    arrays = {"colors": rendered.colors, "depth": rendered.depth_m, "instance_segmaps": rendered.instances, **more}
    with h5py.File(packed, "w") as file:
        for name, array in arrays.items():
            # Shuffled: this groups the high bytes of neighbours, which are similar. HDF5 refuses chunks of nothing.
            packing: dict[str, Any] = {}
            if array.size:
                packing = {"chunks": _chunk(array), "shuffle": array.itemsize > 1}
                packing |= {"compression": "gzip", "compression_opts": GZIP_LEVEL}
            file.create_dataset(name, data=array, track_times=False, **packing)
    return packed.getvalue()


def write_hdf5(path: Path, rendered: Rendered) -> None:
    """Write `hdf5_bytes`. SinkError if it cannot be written; no file is left then. Not atomic.

    HDF5 writes to memory and we write that to the disk, since HDF5 2.0 segfaults on a full disk.
    """
    content = hdf5_bytes(rendered)
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error


def _chunk(array: np.ndarray) -> tuple[int, ...]:
    """The shape of a chunk: as many whole rows as fit into CHUNK_BYTES."""
    height, *row = array.shape
    return (min(height, max(1, CHUNK_BYTES // (array.nbytes // height))), *row)
