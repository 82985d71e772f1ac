"""The terrain: terraces that rise across the site, plus rolling noise."""

import math

import numpy as np

from engine.dataset.layout.settling import Settled
from engine.dataset.scene.camera import CAMERA_HEIGHT_M
from engine.dataset.scene.description import Terrain
from engine.dataset.scene.streams import Seed, smooth_noise, stream

FINEST_CELL_M = 0.5
MAX_CELLS = 499
MAX_WIDE_CELLS = 1200  # the same for a side that follows the views
RISER_PER_HEIGHT = (
    1.6  # length of the slope between terraces by height: 1:1.07 at its steepest, as cut loam holds
)
RISER_FRACTION = 0.5  # maximum share of the slope in the distance from one terrace to the next
CURVE_M = 6.0
# wavelengths of the rolling ground, each half as high as the one before
WAVES_M = (56.0, 28.0, 14.0, 7.0, 3.5)
ROLLING_M = (0.25, 0.6)  # amplitude of the longest wave


def make_terrain(settled: Settled, seed: Seed, side_m: float | None = None) -> Terrain:
    """Make the height field, 0 m on average. `side_m`: None for a side beyond the view of recipe
    1's camera."""
    most = MAX_CELLS
    if side_m is None:
        taller = max(1.0, settled.height / settled.width)
        side_m = 2.04 * (CAMERA_HEIGHT_M + deepest_m(settled)) * taller
    else:
        most = MAX_WIDE_CELLS
    cells = min(most, math.ceil(side_m / FINEST_CELL_M))
    cell_m = side_m / cells
    along_m = np.arange(cells + 1) * cell_m - side_m / 2
    heights = _terraces(settled, seed, along_m) + _rolling(seed, along_m)
    site = settled.site
    inside = np.ix_(np.abs(along_m) <= site.depth_m / 2, np.abs(along_m) <= site.width_m / 2)
    heights -= heights[inside].mean()
    # Rounded to 0.1 mm, which removes rounding differences of processors before anything is placed
    # on it.
    return Terrain(
        size_m=settled.terrain_size,
        cell_m=cell_m,
        heights_m=np.round(heights, 4).astype(np.float32),
    )


def deepest_m(settled: Settled) -> float:
    """Metres by which the ground may lie below its mean, or above it."""
    rise_m = (settled.num_terraces - 1) * settled.terrace_height
    return rise_m / 2 + settled.terrace_height + 4 * ROLLING_M[1]


def _terraces(settled: Settled, seed: Seed, along_m: np.ndarray) -> np.ndarray:
    """(n, n) metres: flat terraces separated by slopes; contour lines meander a little."""
    draw = stream(seed, "terrain terraces")
    uphill, phase = draw.uniform(0, 2 * np.pi, 2)
    winding_m = draw.uniform(0.2, 1.0) * CURVE_M
    wave_m = draw.uniform(120.0, 220.0)
    if settled.num_terraces == 1:
        return np.zeros((len(along_m), len(along_m)))
    east = np.cos(uphill)
    north = np.sin(uphill)
    site = settled.site
    climb_m = abs(east) * site.width_m + abs(north) * site.depth_m
    pitch_m = climb_m / settled.num_terraces
    riser_m = min(RISER_PER_HEIGHT * settled.terrace_height, RISER_FRACTION * pitch_m)
    forth = along_m[None, :] * east + along_m[:, None] * north
    aside = along_m[:, None] * east - along_m[None, :] * north
    forth = forth + winding_m * np.sin(2 * np.pi * aside / wave_m + phase)
    terrace = forth / pitch_m + settled.num_terraces / 2
    edge = np.clip(np.round(terrace), 1, settled.num_terraces - 1)
    up = np.clip((terrace - edge) * pitch_m / max(riser_m, 1e-6) + 0.5, 0, 1)
    return np.asarray(settled.terrace_height * (edge - 1 + up * up * (3 - 2 * up)))


def _rolling(seed: Seed, along_m: np.ndarray) -> np.ndarray:
    """(n, n) metres: value noise in octaves. Its lattice starts at the origin, for any side of the
    terrain."""
    draw = stream(seed, "terrain rolling")
    height_m = draw.uniform(*ROLLING_M)
    table = draw.uniform(-1, 1, (64, 64))
    total = np.zeros((len(along_m), len(along_m)))
    for octave, wave_m in enumerate(WAVES_M):
        total += smooth_noise(table, along_m / wave_m + 7.3 * octave) * height_m / 2**octave
    return total


def off_plane_m(points_m: np.ndarray, heights_m: np.ndarray) -> np.ndarray:
    """Deviation of each height from the least-squares plane, (n,), or from a line if the points are
    collinear."""
    x, y = (points_m - points_m.mean(axis=0)).T
    off_m: np.ndarray
    z = heights_m - heights_m.mean()
    xx, yy, xy, xz, yz = (x * x).sum(), (y * y).sum(), (x * y).sum(), (x * z).sum(), (y * z).sum()
    spread = xx * yy - xy * xy
    if spread > 1e-4 * (xx + yy) ** 2:
        off_m = z - x * (xz * yy - yz * xy) / spread - y * (yz * xx - xz * xy) / spread
    elif xx + yy == 0:
        off_m = z
    else:
        off_m = z - x * xz / xx if xx >= yy else z - y * yz / yy
    return off_m
