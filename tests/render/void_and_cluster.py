"""Creates `blue_noise.npy` by void-and-cluster (R. Ulichney 1993): `python -m
tests.render.void_and_cluster`, 1 s."""

import numpy as np

from engine.render.blue_noise import FILE, SIDE

SIGMA_PX = 1.5
FIRST_FRACTION = 0.1  # of the pixels that the initial pattern sets (Ulichney: at most half)
SEED = 1993  # arbitrary but fixed


def make_ranks() -> np.ndarray:
    """(SIDE, SIDE) uint16: each of the ranks 0..SIDE^2 - 1 once. Deterministic."""
    line = np.exp(-(np.minimum(np.arange(SIDE), SIDE - np.arange(SIDE)) ** 2) / (2 * SIGMA_PX**2))
    blob = np.outer(line, line)
    pixels = np.zeros(SIDE * SIDE, bool)
    energy = np.zeros(SIDE * SIDE)

    def put(pixel: int, is_set: bool) -> int:
        pixels[pixel] = is_set
        energy[:] += (1 if is_set else -1) * np.roll(blob, divmod(pixel, SIDE), axis=(0, 1)).ravel()
        return pixel

    def cluster() -> int:
        return _extreme(np.where(pixels, energy, -np.inf))

    def void() -> int:
        return _extreme(np.where(pixels, -np.inf, -energy))

    count = round(SIDE * SIDE * FIRST_FRACTION)
    for pixel in np.random.default_rng(SEED).choice(SIDE * SIDE, count, replace=False):
        put(int(pixel), True)
    # until the tightest cluster's pixel leaves the largest void
    while put(cluster(), False) != put(void(), True):
        pass
    first = pixels.copy()
    ranks = np.zeros(SIDE * SIDE, np.uint16)
    for rank in reversed(range(count)):  # below the first pattern: remove clusters
        ranks[put(cluster(), False)] = rank
    for pixel in np.flatnonzero(first):
        put(int(pixel), True)
    for rank in range(count, SIDE * SIDE):  # above it: fill voids
        ranks[put(void(), True)] = rank
    return ranks.reshape(SIDE, SIDE)


def _extreme(values: np.ndarray) -> int:
    """Index of the largest value, rounded so that the order of additions does not decide between
    equals."""
    return int(np.argmax(np.round(values, 9)))


if __name__ == "__main__":
    np.save(FILE, make_ranks())
