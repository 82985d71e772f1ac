"""Colours, depth and instances of a picture in one HDF5 file, with BlenderProc's names."""

import contextlib
import io
from pathlib import Path
from types import ModuleType

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


def write_hdf5(path: Path, rendered: Rendered) -> None:
    """Write `colors` (h, w, 3) uint8, `depth` (h, w) float32 metres, `instance_segmaps` (h, w) uint16, 0 for none.

    The same pictures give the same bytes: no time is stored. Compressed in bands of whole rows. SinkError if it cannot
    be written; no file is left then. Not atomic: write to a temporary name.
    """
    h5py = require_h5py()
    # HDF5 writes to memory and we write that to the disk, since HDF5 2.0 segfaults on a full disk. About 100 MB for
    # a picture of 5280x3956.
    packed = io.BytesIO()
    with h5py.File(packed, "w") as file:
        for name, array in (
            ("colors", rendered.colors),
            ("depth", rendered.depth_m),
            ("instance_segmaps", rendered.instances),
        ):
            # Shuffled: this groups the high bytes of neighbours, which are similar.
            file.create_dataset(
                name,
                data=array,
                chunks=_chunk(array),
                compression="gzip",
                compression_opts=GZIP_LEVEL,
                shuffle=array.itemsize > 1,
                track_times=False,
            )
    try:
        with open(path, "wb") as file:
            file.write(packed.getbuffer())
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error


def _chunk(array: np.ndarray) -> tuple[int, ...]:
    """The shape of a chunk: as many whole rows as fit into CHUNK_BYTES."""
    height, *row = array.shape
    return (min(height, max(1, CHUNK_BYTES // (array.nbytes // height))), *row)
