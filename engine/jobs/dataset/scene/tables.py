"""Cuts lines of piles into tables, and computes how high each pile stands so that a table's tops are coplanar.

A table's plane follows the ground under it (least squares). Where the ground deviates from it by more than posts may
differ in length, the line of piles is cut into shorter tables. Two piles always have a common plane.
"""

import math

import numpy as np

EXPOSED_M = (0.3, 1.0)
TOP_M = 0.015
"""Maximum deviation of a top from the table's plane, so that a table's tops are within 30 mm; 40 are allowed."""
MAX_COLUMNS = 10
UNEVEN_M = EXPOSED_M[1] - EXPOSED_M[0] - 2 * TOP_M


def cut_tables(points_m: np.ndarray, ground_m: np.ndarray, columns: np.ndarray) -> list[slice]:
    """Cut the line into runs that are even enough, in order; single piles only if unavoidable.

    Args are (n, 2), (n,) and (n,), sorted by column.
    """
    count = int(columns[-1]) + 1
    starts = np.searchsorted(columns, np.arange(count + 1)).tolist()
    longest = math.ceil(count / math.ceil(count / MAX_COLUMNS))
    for fewest in (2, 1):
        hopeless: set[int] = set()

        def rest(first: int, fewest: int = fewest, hopeless: set[int] = hopeless) -> list[slice] | None:
            if first == count:
                return []
            if first in hopeless:
                return None
            for last in range(min(first + longest, count), first, -1):
                piles = slice(starts[first], starts[last])
                if (
                    piles.stop - piles.start >= fewest
                    and np.ptp(off_plane_m(points_m[piles], ground_m[piles])) < UNEVEN_M
                ):
                    others = rest(last)
                    if others is not None:
                        return [piles, *others]
            hopeless.add(first)
            return None

        tables = rest(0)
        if tables is not None:
            return tables
    raise AssertionError("a table of one pile is always possible")


def off_plane_m(points_m: np.ndarray, heights_m: np.ndarray) -> np.ndarray:
    """(n,) deviation of each height from the least-squares plane, or from a line if the points are collinear."""
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


def expose_m(off_m: np.ndarray, level: float, misses_m: np.ndarray) -> np.ndarray:
    """(n,) height of each top above the ground: tops in one plane, plus each pile's deviation.

    off_m: `off_plane_m` of the ground. level: 0..1, position of the table in the remaining range.
    """
    low = EXPOSED_M[0] + TOP_M + off_m.max()
    high = EXPOSED_M[1] - TOP_M + off_m.min()
    exposed_m: np.ndarray = low + (high - low) * level - off_m + misses_m
    return exposed_m
