"""The result of a layout: lines of piles, not yet cut into tables, and roads."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """A line of piles, one or two rows wide."""

    points_m: np.ndarray
    """(n, 2) positions of the piles, before jitter; sorted by column."""
    columns: np.ndarray
    """(n,) int from 0: column of each pile; piles of one column are next to each other across the line."""
    heading: float
    """Direction of the line in radians from east, counter-clockwise."""
    axis_m: np.ndarray
    """(columns, 2): centre of the line at each column."""
    cluster: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteLayout:
    strips: tuple[Strip, ...]
    roads_m: tuple[np.ndarray, ...]
    """(k, 2) each: centre lines of the roads, which are kept free."""
    centres_m: np.ndarray
    """(clusters, 2); (0, 2) if there are none."""
