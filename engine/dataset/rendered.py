"""The result of a renderer."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendered:
    """Arrays of a picture; row 0 is the top (north)."""

    colors: np.ndarray  # (height, width, 3) uint8, sRGB
    instances: np.ndarray  # (height, width) uint16: number of the pile at the centre of the pixel, from 1; 0 for none
    depth_m: np.ndarray
    """(height, width) float32: distance of that point from the camera along its axis; infinite for nothing."""
    renderer: str  # name and version of the renderer, for the manifest
