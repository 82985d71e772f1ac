"""A tile of blue noise, for dithering pictures down to 8 bits.

Problem: a faint gradient in 8 bits is a staircase, and the eye exaggerates each step (Mach bands).

Naive way: add random noise before rounding. White noise hides the steps but has clumps, which are seen as grain; an
ordered (Bayer) matrix has none but shows a grid.

Solution: blue noise: every threshold occurs once per tile and similar thresholds are far apart, so the error has high
frequencies only, which the eye does not resolve. The tile comes from the void-and-cluster method (R. Ulichney, "The
void-and-cluster method for dither array generation", 1993), with a Gaussian of sigma 1.5 px on a torus, and is kept in
`blue_noise.npy`: a start does not wait for it.

The tile is the same for every picture and channel. So a steady picture is steady, a grey one stays grey, an offline run
has the same bytes each time, and encoders spend no bits on it.
"""

from pathlib import Path

import numpy as np

SIDE = 64
FILE = Path(__file__).with_name("blue_noise.npy")
SIGMA_PX = 1.5
_FIRST_SHARE = 0.1  # of the pixels that the initial pattern sets (Ulichney: at most half)
_SEED = 1993  # arbitrary but fixed


def thresholds() -> np.ndarray:
    """(64, 64) float32, each of (k + 1/2) / 4096 once: `floor(level + threshold)` is the dithered level.

    None is 0 or 1, so that a level without a fraction stays as it is, black stays black and white stays white.
    """
    ranks: np.ndarray = np.load(FILE)
    levels: np.ndarray = (ranks.astype(np.float32) + np.float32(0.5)) / np.float32(ranks.size)
    return levels


def make_ranks(side: int = SIDE) -> np.ndarray:
    """(side, side) uint16: ranks 0..side^2 - 1 by the void-and-cluster method. Deterministic; 1 s for 64."""
    steps = np.minimum(np.arange(side), side - np.arange(side))
    line = np.exp(-(steps**2) / (2 * SIGMA_PX**2))
    blob = np.outer(line, line)

    def blob_at(pixel: int) -> np.ndarray:
        return np.roll(blob, divmod(pixel, side), axis=(0, 1)).ravel()

    def energy_of(pixels: np.ndarray) -> np.ndarray:
        energy: np.ndarray = sum((blob_at(int(pixel)) for pixel in np.flatnonzero(pixels)), np.zeros(side * side))
        return energy

    first = np.zeros(side * side, bool)
    random = np.random.default_rng(_SEED)
    first[random.choice(first.size, round(first.size * _FIRST_SHARE), replace=False)] = True
    energy = energy_of(first)
    while True:  # move the tightest cluster's pixel into the largest void, until that is where it came from
        cluster = _extreme(np.where(first, energy, -np.inf))
        first[cluster] = False
        energy -= blob_at(cluster)
        void = _extreme(np.where(first, -np.inf, -energy))
        first[void] = True
        energy += blob_at(void)
        if void == cluster:
            break
    ranks = np.zeros(side * side, np.uint16)
    count = int(first.sum())
    pixels, energy = first.copy(), energy_of(first)
    for rank in reversed(range(count)):  # below the first pattern: remove clusters
        cluster = _extreme(np.where(pixels, energy, -np.inf))
        pixels[cluster] = False
        energy -= blob_at(cluster)
        ranks[cluster] = rank
    pixels, energy = first, energy_of(first)
    for rank in range(count, side * side):  # above it: fill voids
        void = _extreme(np.where(pixels, -np.inf, -energy))
        pixels[void] = True
        energy += blob_at(void)
        ranks[void] = rank
    return ranks.reshape(side, side)


def _extreme(values: np.ndarray) -> int:
    """Index of the largest value, rounded so that the order of additions does not decide between equals."""
    return int(np.argmax(np.round(values, 9)))
