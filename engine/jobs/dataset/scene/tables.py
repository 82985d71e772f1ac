"""Which piles carry one table, and how far each must stand out so that their tops lie in one plane.

The plane of a table follows the ground under it (least squares). Where the ground leaves it by more than posts may
differ in length, the line of piles is cut into shorter tables: two piles always have their plane.
"""

import math

import numpy as np

EXPOSED_M = (0.3, 1.0)
TOP_M = 0.015
"""By how much a top may miss the table's plane: all of a table then lie within 30 mm, where 40 are allowed."""
MAX_COLUMNS = 10
UNEVEN_M = EXPOSED_M[1] - EXPOSED_M[0] - 2 * TOP_M


def cut_tables(points_m: np.ndarray, ground_m: np.ndarray, columns: np.ndarray) -> list[slice]:
    """Runs of piles, in order, that stand even enough; none of one pile alone where that can be helped.

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
    raise AssertionError("a table of one pile always stands")


def off_plane_m(points_m: np.ndarray, heights_m: np.ndarray) -> np.ndarray:
    """(n,) how far each height lies above the plane through all of them by least squares; along a line where the
    points lie on one."""
    x, y = (points_m - points_m.mean(axis=0)).T
    z = heights_m - heights_m.mean()
    xx, yy, xy, xz, yz = (x * x).sum(), (y * y).sum(), (x * y).sum(), (x * z).sum(), (y * z).sum()
    spread = xx * yy - xy * xy
    if spread > 1e-4 * (xx + yy) ** 2:
        return z - x * (xz * yy - yz * xy) / spread - y * (yz * xx - xz * xy) / spread
    if xx + yy == 0:
        return z
    return z - x * xz / xx if xx >= yy else z - y * yz / yy


def expose_m(off_m: np.ndarray, level: float, misses_m: np.ndarray) -> np.ndarray:
    """(n,) from the ground to the top of each: one plane of tops, but for each pile's own miss.

    off_m: `off_plane_m` of the ground. level: 0..1, where in the range that is left the table stands.
    """
    low = EXPOSED_M[0] + TOP_M + off_m.max()
    high = EXPOSED_M[1] - TOP_M + off_m.min()
    return low + (high - low) * level - off_m + misses_m
