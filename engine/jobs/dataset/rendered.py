"""What a renderer gives back, whichever it was."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendered:
    """Row 0 is the picture's top (north)."""

    colors: np.ndarray
    """(height, width, 3) uint8, sRGB."""
    instances: np.ndarray
    """(height, width) uint16: which pile is seen through the middle of the pixel, from 1; 0 is none."""
    depth_m: np.ndarray
    """(height, width) float32: how far below the camera that point lies, along its axis."""
    renderer: str
    """Name and version of what drew it, for the manifest."""
