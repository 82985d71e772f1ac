"""Colours, depth, instances, and in recipe 2 classes and head points in one HDF5 file, with BlenderProc's names."""

import io
from types import ModuleType
from typing import Any

import numpy as np

from engine.dataset.labels.record import PictureRecord
from engine.dataset.labels.source import LabelSource
from engine.dataset.labels.writers.pixels import class_mask
from engine.dataset.labels.writers.protocol import PictureWriter
from engine.errors import UsageError
from engine.system.installing import install_line

GZIP_LEVEL = 1
CHUNK_BYTES = 2**20  # size of HDF5's chunk cache; a larger chunk would be decompressed again for each row
HIDDEN, VISIBLE = 1, 2  # as in COCO


def writer_of(name: str) -> PictureWriter:
    return PictureWriter(
        name=name,
        kinds=(("hdf5", ".hdf5"),),
        make=lambda source: (hdf5_bytes(arrays_of(source)),),
        require=require_h5py,
    )


def require_h5py() -> ModuleType:
    """Import h5py; UsageError says how to install it."""
    try:
        import h5py
    except ImportError as error:
        raise UsageError(f"--save-hdf5 needs h5py; get it with: {install_line('[dataset]')}") from error
    module: ModuleType = h5py
    return module


def arrays_of(source: LabelSource) -> dict[str, np.ndarray]:
    """`colors` (h, w, 3) uint8, `depth` (h, w) float32 metres, `instance_segmaps` (h, w) uint16, 0 for none.

    In recipe 2 the latter has the numbers of all things, labelled or not, and two arrays follow: see `more_arrays`.
    """
    rendered = source.photograph.rendered
    arrays = {"colors": rendered.colors, "depth": rendered.depth_m, "instance_segmaps": rendered.instances}
    return arrays if source.task.labels is None else arrays | more_arrays(source.record)


def more_arrays(record: PictureRecord) -> dict[str, np.ndarray]:
    """`category_id_segmaps` (h, w) uint8, BlenderProc's name, and `keypoints` (k, 4) float64.

    A keypoint is a labelled thing's number, x and y in px of its head, and 1 hidden or 2 visible; things without one
    are left out.
    """
    keypoints = [
        (thing.number, *thing.head_px, VISIBLE if thing.is_head_visible else HIDDEN)
        for thing in record.labelled
        if thing.head_px is not None
    ]
    return {"category_id_segmaps": class_mask(record), "keypoints": np.array(keypoints, np.float64).reshape(-1, 4)}


def hdf5_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """The file. The same arrays give the same bytes: no time is stored. Compressed in bands of whole rows.

    About 100 MB for a picture of 5280x3956. HDF5 writes to memory and the caller that to the disk, since HDF5 2.0
    segfaults on a full disk.
    """
    h5py = require_h5py()
    packed = io.BytesIO()
    with h5py.File(packed, "w") as file:
        for name, array in arrays.items():
            # Shuffled: this groups the high bytes of neighbours, which are similar. HDF5 refuses chunks of nothing.
            packing: dict[str, Any] = {}
            if array.size:
                packing = {"chunks": _chunk(array), "shuffle": array.itemsize > 1}
                packing |= {"compression": "gzip", "compression_opts": GZIP_LEVEL}
            file.create_dataset(name, data=array, track_times=False, **packing)
    return packed.getvalue()


def _chunk(array: np.ndarray) -> tuple[int, ...]:
    """The shape of a chunk: as many whole rows as fit into CHUNK_BYTES."""
    height, *row = array.shape
    return (min(height, max(1, CHUNK_BYTES // (array.nbytes // height))), *row)
