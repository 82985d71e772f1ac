"""Colours, depth, instances, classes and head points in one HDF5 file per picture, with BlenderProc's names."""

import numpy as np

from engine.jobs.dataset.labels.hdf5 import hdf5_bytes, require_h5py
from engine.jobs.dataset.labels.record import PictureRecord
from engine.jobs.dataset.labels.writers.masks import class_mask
from engine.jobs.dataset.labels.writers.per_picture import PictureWriter

HIDDEN, VISIBLE = 1, 2  # as in COCO


def writer_of(name: str) -> PictureWriter:
    return PictureWriter(
        name=name,
        kinds=(("hdf5", ".hdf5"),),
        make=lambda source: (hdf5_bytes(source.photograph.rendered, more_arrays(source.record)),),
        require=require_h5py,
    )


def more_arrays(record: PictureRecord) -> dict[str, np.ndarray]:
    """`category_id_segmaps` (h, w) uint8, BlenderProc's name, and `keypoints` (k, 4) float64.

    A keypoint is a labelled thing's number, x and y in px of its head, and 1 hidden or 2 visible; things without one
    are left out. `instance_segmaps` has the numbers of all things, labelled or not.
    """
    keypoints = [
        (thing.number, *thing.head_px, VISIBLE if thing.is_head_visible else HIDDEN)
        for thing in record.labelled
        if thing.head_px is not None
    ]
    return {"category_id_segmaps": class_mask(record), "keypoints": np.array(keypoints, np.float64).reshape(-1, 4)}
