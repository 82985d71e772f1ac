"""Depth as 16-bit PNG."""

import numpy as np

from engine.jobs.dataset.labels.writers.masks import encode_mask
from engine.jobs.dataset.labels.writers.per_picture import PictureWriter

UNITS_PER_M = 100  # centimetres: 655 m fit, and a drone may fly at 500; millimetres would end at 65 m
MAX_UNITS = 65535


README = """\
16-bit PNG: distance along the camera's axis in centimetres (metres = value / 100). 0: no value, or above 655.35 m.
--write hdf5 has the same as 32-bit floats in metres.
"""


def writer_of(name: str) -> PictureWriter:
    return PictureWriter(
        name=name,
        kinds=(("depth", ".png"),),
        make=lambda source: (depth_png(source.photograph.rendered.depth_m),),
        readme=lambda contents: README,
    )


def depth_png(depth_m: np.ndarray) -> bytes:
    """Encode (height, width) float32 metres along the camera's axis as centimetres; 0: no value, or above 655.35 m."""
    return encode_mask(depth_units(depth_m))


def depth_units(depth_m: np.ndarray) -> np.ndarray:
    """(height, width) uint16 centimetres, rounded."""
    units = np.rint(np.nan_to_num(depth_m, nan=0, posinf=0, neginf=0).astype(np.float64) * UNITS_PER_M)
    return np.where((units >= 0) & (units <= MAX_UNITS), units, 0).astype(np.uint16)
