"""The shadows of single clouds, as one map for both engines."""

import numpy as np

from engine.dataset.scene.description import CloudShadows

SIDE_PX = 256
CLOUDS_A_SIDE = 8
OCTAVES = 4
BORDER = 0.45  # width of the soft edge, in standard deviations of the noise


def period_m(clouds: CloudShadows) -> float:
    """Side of the square that the map covers; it repeats."""
    return CLOUDS_A_SIDE * clouds.size_m


def cloud_map(clouds: CloudShadows) -> np.ndarray:
    """Share of the sun's light that reaches the ground, (side, side) float32, 0..1; row 0 south, column 0 west.

    By the place where the sun's ray meets z = 0. Noise in octaves that repeats, cut at the level that gives the share.
    """
    draw = np.random.default_rng(clouds.noise_seed)
    total = np.zeros((SIDE_PX, SIDE_PX))
    for octave in range(OCTAVES):
        count = CLOUDS_A_SIDE << octave
        table = draw.uniform(-1, 1, (count, count))
        place = (np.arange(SIDE_PX) + 0.5) / SIDE_PX * count
        first = np.floor(place).astype(int)
        part = place - first
        weight = part**3 * (part * (part * 6 - 15) + 10)
        rows = table[first % count] * (1 - weight)[:, None] + table[(first + 1) % count] * weight[:, None]
        total += (rows[:, first % count] * (1 - weight) + rows[:, (first + 1) % count] * weight) / 2**octave
    level, border = np.quantile(total, 1 - clouds.share), BORDER * total.std()
    inside = np.clip((total - level) / (2 * border) + 0.5, 0, 1)
    found: np.ndarray = (1 - clouds.depth * inside * inside * (3 - 2 * inside)).astype(np.float32)
    return found
