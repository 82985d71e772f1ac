"""Makes the tile of `engine/render/blue_noise.py` by the void-and-cluster method (R. Ulichney 1993)."""

import numpy as np

SIDE = 64
SIGMA_PX = 1.5
FIRST_SHARE = 0.1  # of the pixels that the initial pattern sets (Ulichney: at most half)
SEED = 1993  # arbitrary but fixed


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
    random = np.random.default_rng(SEED)
    first[random.choice(first.size, round(first.size * FIRST_SHARE), replace=False)] = True
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
