"""The ground from straight above, for Cycles."""

import numpy as np

from engine.dataset.raster import bake_ground
from engine.dataset.scene.description import LimeLine
from tests.dataset.raster.stages import stage

SIDE_PX = 224  # 0.25 m a pixel


def test_north_is_the_first_row_and_west_the_first_column() -> None:
    """A lime line in the north-west, 20 m from the middle in both directions; the ground's side is 56 m."""
    line = LimeLine(points=((-20.0, 20.0), (-15.0, 20.0)), width_m=1.0)
    marked, bare = bake_ground(stage(lime_lines=(line,)), SIDE_PX), bake_ground(stage(), SIDE_PX)
    assert marked.shape == (SIDE_PX, SIDE_PX, 3)
    assert marked.dtype == np.uint8
    rows, columns = np.nonzero((marked != bare).any(axis=2))
    assert abs(rows.mean() - (28 - 20) * 4) < 1
    assert abs(columns.mean() - (28 - 17.5) * 4) < 1


def test_it_is_albedo_whatever_the_light() -> None:
    """Soil of (0.30, 0.21, 0.14): its mean is near that in sRGB; no sun darkens it."""
    from engine.dataset.scene.description import Sun

    low = bake_ground(stage(sun=Sun(elevation_deg=10, azimuth_deg=0, energy=0)), SIDE_PX)
    assert np.array_equal(low, bake_ground(stage(), SIDE_PX))
    linear = ((low / 255 + 0.055) / 1.055) ** 2.4
    assert np.abs(linear.mean(axis=(0, 1)) - (0.30, 0.21, 0.14)).max() < 0.05
