"""The ground: terraces that climb across the site, and rolling ground over them."""

import math

import numpy as np

from engine.jobs.dataset.scene.description import CAMERA_HEIGHT_M, Terrain
from engine.jobs.dataset.scene.settling import Settled
from engine.jobs.dataset.scene.streams import stream

FINEST_CELL_M = 0.5
MAX_CELLS = 499
RISER_PER_HEIGHT = 1.6
"""Length of the slope between two terraces: steepest at 1:1.07, about what cut loam keeps."""
RISER_SHARE = 0.5
"""Of the way from one terrace to the next, at most."""
CURVE_M = 6.0
WAVES_M = (56.0, 28.0, 14.0, 7.0, 3.5)
"""Of the rolling ground; each has half the height of the one before."""
ROLLING_M = (0.25, 0.6)
"""Height of the longest wave, to either side."""


def make_terrain(settled: Settled, seed: int) -> Terrain:
    """0 m is the mean over the site. It ends beyond what the camera sees at its lowest height."""
    rise_m = (settled.num_terraces - 1) * settled.terrace_height
    deepest_m = rise_m / 2 + settled.terrace_height + 4 * ROLLING_M[1]
    taller = max(1.0, settled.height / settled.width)
    side_m = 2.04 * (CAMERA_HEIGHT_M + deepest_m) * taller
    cells = min(MAX_CELLS, math.ceil(side_m / FINEST_CELL_M))
    cell_m = side_m / cells
    along_m = np.arange(cells + 1) * cell_m - side_m / 2
    heights = _terraces(settled, seed, along_m) + _rolling(seed, along_m)
    site = settled.site
    inside = np.ix_(np.abs(along_m) <= site.depth_m / 2, np.abs(along_m) <= site.width_m / 2)
    heights -= heights[inside].mean()
    # Whole tenths of a millimetre: what processors round differently is gone before anything is placed on it.
    return Terrain(size_m=settled.terrain_size, cell_m=cell_m, heights_m=np.round(heights, 4).astype(np.float32))


def _terraces(settled: Settled, seed: int, along_m: np.ndarray) -> np.ndarray:
    """(n, n) metres. Flat treads, parted by slopes; lines of equal height wind a little."""
    draw = stream(seed, "terrain terraces")
    uphill, phase = draw.uniform(0, 2 * np.pi, 2)
    winding_m, wave_m = draw.uniform(0.2, 1.0) * CURVE_M, draw.uniform(120.0, 220.0)
    if settled.num_terraces == 1:
        return np.zeros((len(along_m), len(along_m)))
    east, north = np.cos(uphill), np.sin(uphill)
    site = settled.site
    climb_m = abs(east) * site.width_m + abs(north) * site.depth_m
    pitch_m = climb_m / settled.num_terraces
    riser_m = min(RISER_PER_HEIGHT * settled.terrace_height, RISER_SHARE * pitch_m)
    forth = along_m[None, :] * east + along_m[:, None] * north
    aside = along_m[:, None] * east - along_m[None, :] * north
    forth = forth + winding_m * np.sin(2 * np.pi * aside / wave_m + phase)
    terrace = forth / pitch_m + settled.num_terraces / 2
    edge = np.clip(np.round(terrace), 1, settled.num_terraces - 1)
    up = np.clip((terrace - edge) * pitch_m / max(riser_m, 1e-6) + 0.5, 0, 1)
    return settled.terrace_height * (edge - 1 + up * up * (3 - 2 * up))


def _rolling(seed: int, along_m: np.ndarray) -> np.ndarray:
    """(n, n) metres: value noise in octaves. The lattice is that of the origin, whatever the terrain's side."""
    draw = stream(seed, "terrain rolling")
    height_m = draw.uniform(*ROLLING_M)
    table = draw.uniform(-1, 1, (64, 64))
    total = np.zeros((len(along_m), len(along_m)))
    for octave, wave_m in enumerate(WAVES_M):
        place = along_m / wave_m + 7.3 * octave
        first = np.floor(place).astype(int)
        part = place - first
        weight = part**3 * (part * (part * 6 - 15) + 10)
        low, high = first % 64, (first + 1) % 64
        # Not as a product of matrices: its sums may come out differently on another processor.
        rows = table[low] * (1 - weight)[:, None] + table[high] * weight[:, None]  # (n, 64)
        total += (rows[:, low] * (1 - weight) + rows[:, high] * weight) * height_m / 2**octave
    return total
