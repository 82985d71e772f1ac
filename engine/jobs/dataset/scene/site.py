"""The space on a site, and the number of rows, clusters, piles and terraces that fit: pure arithmetic on the plan.

Layouts rely on these counts: so many rows and clusters can always be placed.
"""

import math
from dataclasses import dataclass

from engine.jobs.dataset.scene.camera import CAMERA_HEIGHT_M, FIELD_OF_VIEW_DEG

SEEN_ACROSS_M = 2 * CAMERA_HEIGHT_M * math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2)
MARGIN_M = 3.0
"""Minimum distance between the picture's edge and a pile, at mean height."""
MIN_SITE_M = 4.0

PILE_SPACING_M = (3.6, 4.7)
"""Minimum and maximum along a row."""
ROWS_TO_A_ROAD = 5
ROAD_M = (4.0, 5.0)
"""Extra distance between two rows for a road."""

ROW_PITCH_M = 3.6
"""Distance of the two rows of piles under one table; minimum distance between tables or clusters."""
TABLE_PITCH_M = (2 * ROW_PITCH_M, 8.0)
"""Minimum and maximum distance between tables across the rows."""
CLUSTER_PITCH = 1.5
"""Minimum distance between centres of clusters, in cluster sizes."""
STEEPEST_RISE = 0.35
"""Maximum total rise of the terraces per metre of the site's shorter side."""
MAX_RISE_M = 60.0
"""The camera is 100 m above the middle of the rise."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The area for piles: a rectangle around the origin."""

    width_m: float
    """East to west."""
    depth_m: float
    """North to south."""

    @property
    def words(self) -> str:
        return f"a site of {self.width_m:.0f} x {self.depth_m:.0f} m"

    @property
    def shorter_m(self) -> float:
        return min(self.width_m, self.depth_m)

    def rows(self, row_spacing_m: float) -> int:
        fives, rest = divmod(self.depth_m + _ROUNDING, ROWS_TO_A_ROAD * row_spacing_m + ROAD_M[0])
        return ROWS_TO_A_ROAD * int(fives) + min(ROWS_TO_A_ROAD - 1, int(rest / row_spacing_m)) + 1

    def piles_per_row(self) -> int:
        return int((self.width_m + _ROUNDING) / PILE_SPACING_M[0]) + 1

    def cluster_lattice(self, cluster_size_m: float) -> tuple[int, int]:
        """Columns and rows of clusters at minimum distance; 0 if none fits."""
        pitch, own = CLUSTER_PITCH * cluster_size_m, territory_m(cluster_size_m)
        columns = math.floor((self.width_m - own + _ROUNDING) / pitch) + 1
        rows = math.floor((self.depth_m - own + _ROUNDING) / pitch) + 1
        return max(columns, 0), max(rows, 0)

    def clusters(self, cluster_size_m: float) -> int:
        columns, rows = self.cluster_lattice(cluster_size_m)
        return columns * rows

    def rise_m(self) -> float:
        """Maximum height from the lowest terrace to the highest."""
        return min(MAX_RISE_M, STEEPEST_RISE * self.shorter_m)

    def terraces(self, height_m: float) -> int:
        return 1000 if height_m == 0 else int(self.rise_m() / height_m + _ROUNDING) + 1


def site_of(terrain_size_m: float, width_px: int, height_px: int) -> Site:
    """The terrain clipped to the camera's view at mean height, minus a margin; a side may be 0 or negative."""
    seen_m = SEEN_ACROSS_M * height_px / width_px
    return Site(
        width_m=min(terrain_size_m, SEEN_ACROSS_M) - 2 * MARGIN_M,
        depth_m=min(terrain_size_m, seen_m) - 2 * MARGIN_M,
    )


def territory_m(cluster_size_m: float) -> float:
    """Side of the square reserved for a cluster: the minimum distance of centres minus the gap."""
    return CLUSTER_PITCH * cluster_size_m - ROW_PITCH_M


def table_columns(cluster_size_m: float) -> int:
    """Number of pairs of piles along one table, at the widest spacing."""
    return int((territory_m(cluster_size_m) + _ROUNDING) / PILE_SPACING_M[1]) + 1


def tables_across(cluster_size_m: float) -> int:
    return int((territory_m(cluster_size_m) - ROW_PITCH_M + _ROUNDING) / TABLE_PITCH_M[0]) + 1


def piles_per_cluster(cluster_size_m: float) -> int:
    return 2 * table_columns(cluster_size_m) * tables_across(cluster_size_m)
