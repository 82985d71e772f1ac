"""Colours, depth and instances of a picture in one file, under the names that BlenderProc gives them."""

import contextlib
import io
from pathlib import Path
from types import ModuleType

import numpy as np

from engine.errors import SinkError, UsageError
from engine.jobs.dataset.rendered import Rendered

INSTALL = '--save-hdf5 needs h5py; get it with: pip install "multiverse-engine[dataset]"'
GZIP_LEVEL = 1
CHUNK_BYTES = 2**20  # HDF5's own cache of chunks is of this size; a larger chunk is unpacked for each row again


def require_h5py() -> ModuleType:
    """UsageError says how to get it."""
    try:
        import h5py
    except ImportError as error:
        raise UsageError(INSTALL) from error
    return h5py


def write_hdf5(path: Path, rendered: Rendered) -> None:
    """`colors` (h, w, 3) uint8, `depth` (h, w) float32 in metres, `instance_segmaps` (h, w) uint16, 0 none.

    Same pictures, same bytes: no time is stored. Packed in bands of whole rows. SinkError where it cannot be written;
    nothing is left then. Replaces what is at `path`, and not at once: give it a name that nobody reads yet.
    """
    h5py = require_h5py()
    # HDF5 writes to memory and we to the disk: where the disk is full HDF5 2.0 ends the process by a segmentation
    # fault. About 100 MB for a picture of 5280x3956.
    packed = io.BytesIO()
    with h5py.File(packed, "w") as file:
        for name, array in (
            ("colors", rendered.colors),
            ("depth", rendered.depth_m),
            ("instance_segmaps", rendered.instances),
        ):
            # Shuffled: the high bytes of neighbours, which are alike, come to stand together.
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
    """Whole rows, as many as fit into CHUNK_BYTES."""
    height, *row = array.shape
    return (min(height, max(1, CHUNK_BYTES // (array.nbytes // height))), *row)
