"""A tile of blue noise, for dithering pictures down to 8 bits.

Problem: a faint gradient in 8 bits is a staircase, and the eye exaggerates each step (Mach bands).

Naive way: add random noise before rounding. White noise hides the steps but has clumps, which are
seen as grain; an ordered (Bayer) matrix has none but shows a grid.

Solution: blue noise: every threshold occurs once per tile and similar thresholds are far apart, so
the error has high frequencies only, which the eye does not resolve. The tile comes from the
void-and-cluster method (R. Ulichney, "The void-and-cluster method for dither array generation",
1993), with a Gaussian of sigma 1.5 px on a torus, and is read from `blue_noise.npy` instead of
computed at startup.

The tile is the same for every picture and channel. So a steady picture is steady, a grey one stays
grey, an offline run has the same bytes each time, and encoders spend no bits on it.
"""

from pathlib import Path

import numpy as np

SIDE = 64
FILE = Path(__file__).with_name("blue_noise.npy")


def thresholds() -> np.ndarray:
    """Return the thresholds, (64, 64) float32: each of (k + 1/2) / 4096 once. `floor(level +
    threshold)` dithers.

    None is 0 or 1, so that a level without a fraction stays as it is, black stays black and white
    stays white."""
    ranks: np.ndarray = np.load(FILE)
    levels: np.ndarray = (ranks.astype(np.float32) + np.float32(0.5)) / np.float32(ranks.size)
    return levels
