"""What a layout gives: lines of piles, not yet cut into tables, and where machines drive."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """A line of piles, one or two rows wide."""

    points_m: np.ndarray
    """(n, 2) of the piles, before any jitter; sorted by column."""
    columns: np.ndarray
    """(n,) int, 0 and up: which piles stand beside each other across the line."""
    heading: float
    """Radians from east, counter-clockwise: where the line runs."""
    axis_m: np.ndarray
    """(columns, 2): its middle at each column."""
    cluster: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    strips: tuple[Strip, ...]
    roads_m: tuple[np.ndarray, ...]
    """(k, 2) each: middles of the ways that are kept clear."""
    centres_m: np.ndarray
    """(clusters, 2); (0, 2) where there are none."""
