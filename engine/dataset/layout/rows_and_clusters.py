"""Layouts with a given number of piles: rows from west to east, or clusters of tables with two rows of piles each.

All rows have the same bend, and a road follows every fifth row. Clusters are squares with a minimum distance.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.dataset.layout.settling import (
    CLUSTER_PITCH,
    PILE_SPACING_M,
    ROAD_M,
    ROW_PITCH_M,
    ROWS_TO_A_ROAD,
    TABLE_PITCH_M,
    Settled,
    Site,
    table_columns,
    tables_across,
    territory_m,
)
from engine.dataset.scene.description import Terrain
from engine.dataset.scene.streams import Seed, stream


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """A line of piles, one or two rows wide."""

    points_m: np.ndarray  # (n, 2) positions of the piles, before jitter; sorted by column
    columns: np.ndarray
    """(n,) int from 0: column of each pile; piles of one column are next to each other across the line."""
    heading: float  # direction of the line in radians from east, counter-clockwise
    axis_m: np.ndarray  # (columns, 2): centre of the line at each column
    cluster: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteLayout:
    strips: tuple[Strip, ...]
    roads_m: tuple[np.ndarray, ...]  # (k, 2) each: centre lines of the roads, which are kept free
    centres_m: np.ndarray  # (clusters, 2); (0, 2) if there are none


BEND_M = 2.0  # maximum offset of a row's middle from the straight line between its ends
ROAD_BEYOND_M = 4.0  # length by which a road extends beyond its rows at either end
POINTS_OF_ROAD = 25


def lay_rows(settled: Settled, seed: Seed) -> SiteLayout:
    """Lay out exactly num_rows x piles_per_row piles."""
    site = settled.site
    draw = stream(seed, "layout rows")
    road, bend, gap, aside, up = draw.random(5)
    spacing_m = _between(PILE_SPACING_M, gap, site.width_m / max(settled.piles_per_row - 1, 1))
    length_m = spacing_m * (settled.piles_per_row - 1)
    xs = np.arange(settled.piles_per_row) * spacing_m - length_m / 2

    roads = (settled.num_rows - 1) // ROWS_TO_A_ROAD
    tight_m = settled.row_spacing * (settled.num_rows - 1)
    road_m = _between(ROAD_M, road, (site.depth_m - tight_m) / max(roads, 1))
    index = np.arange(settled.num_rows)
    ys = index * settled.row_spacing + index // ROWS_TO_A_ROAD * road_m
    bend_m = (2 * bend - 1) * min(BEND_M, max(site.depth_m - ys[-1], 0))
    free = np.array([site.width_m - length_m, site.depth_m - ys[-1] - abs(bend_m)])
    shift = (np.array([aside, up]) - 0.5) * np.maximum(free, 0)
    xs = xs + shift[0]
    ys = ys - ys[-1] / 2 - bend_m / 2 + shift[1]

    def bent(x: np.ndarray) -> np.ndarray:
        offsets_m: np.ndarray = bend_m * (1 - ((x - shift[0]) / max(length_m / 2, 1)) ** 2)
        return offsets_m

    lines = [np.stack([xs, y + bent(xs)], axis=1) for y in ys]
    columns = np.arange(len(xs))
    strips = tuple(Strip(points_m=line, columns=columns, heading=0.0, axis_m=line) for line in lines)
    reach_m = length_m / 2 + ROAD_BEYOND_M
    west, east = np.clip([shift[0] - reach_m, shift[0] + reach_m], -site.width_m / 2, site.width_m / 2)
    over = np.linspace(west, east, POINTS_OF_ROAD)
    afters = ys[ROWS_TO_A_ROAD - 1 : -1 : ROWS_TO_A_ROAD]
    middles = [y + (settled.row_spacing + road_m) / 2 for y in afters] + _edge_roads(ys, site, settled.row_spacing)
    ways = tuple(np.stack([over, y + bent(over)], axis=1) for y in middles)
    return SiteLayout(strips=strips, roads_m=ways, centres_m=np.empty((0, 2)))


def _edge_roads(ys: np.ndarray, site: Site, row_spacing_m: float) -> list[float]:
    """Roads beside the first and the last row, where there is room."""
    beside_m = max(row_spacing_m, ROAD_M[0])
    half_m = site.depth_m / 2 - BEND_M
    return [y for y in (ys[0] - beside_m, ys[-1] + beside_m) if abs(y) <= half_m]


def _between(limits: tuple[float, float], share: float, most: float) -> float:
    low, high = limits
    return low + (max(min(high, most), low) - low) * share


THROWS = 200
"""Random attempts before clusters are placed on a lattice, because random placement fails on a crowded site."""
MAX_HEADING = math.radians(5)
FLAT_SPACING_M = 4.15
STEEP = 0.35  # rise per metre beyond which the spacing is constant
SLOPE_OVER_M = 12.0


def spacing_m(slope_east: float, slope_north: float) -> float:
    """Spacing of piles along a row in metres, for the ground's rise per metre to the east and to the north.

    Ground that falls to the south (rises to the north) faces the noon sun: its tables throw short shadows and stand
    closer, down to 3.6 m. On ground that falls to the north shadows are long: up to 4.7 m. Ground that falls to the
    east or west counts as flat, 4.15 m. Linear in the slope towards the south; the shading rule for fixed tables.
    """
    low, high = PILE_SPACING_M
    to_south = min(max(slope_north / STEEP, -1.0), 1.0)
    aspect = abs(slope_north) / math.hypot(slope_east, slope_north) if slope_north else 0.0
    return FLAT_SPACING_M - to_south * aspect * (high - low) / 2


def place_centres(site: Site, cluster_size_m: float, count: int, draw: np.random.Generator) -> np.ndarray:
    """Centres in metres, (count, 2), any two at least 1.5 cluster sizes apart in x or in y, all territories on the
    site. Never fails for up to `Site.clusters` clusters."""
    pitch_m, own_m = CLUSTER_PITCH * cluster_size_m, territory_m(cluster_size_m)
    half = np.array([site.width_m - own_m, site.depth_m - own_m]) / 2
    throws = draw.uniform(-1, 1, (THROWS, 2)) * half
    centres: list[np.ndarray] = []
    for throw in throws:
        if all(np.abs(throw - centre).max() >= pitch_m for centre in centres):
            centres.append(throw)
            if len(centres) == count:
                return np.array(centres)
    columns, rows = site.cluster_lattice(cluster_size_m)
    axes = []
    for cells, reach in zip((columns, rows), half, strict=True):
        free_m = 2 * reach - (cells - 1) * pitch_m
        gaps = np.sort(draw.uniform(0, max(free_m, 0), cells))
        axes.append(np.arange(cells) * pitch_m + gaps - reach)
    chosen = draw.permutation(columns * rows)[:count]
    return np.stack([axes[0][chosen % columns], axes[1][chosen // columns]], axis=1)


def lay_clusters(settled: Settled, terrain: Terrain, seed: Seed) -> SiteLayout:
    """num_clusters clusters of min..max_piles_per_cluster piles."""
    size_m = settled.cluster_size
    centres = place_centres(settled.site, size_m, settled.num_clusters, stream(seed, "layout centres"))
    low, high = settled.min_piles_per_cluster, settled.max_piles_per_cluster
    counts = stream(seed, "layout piles").integers(low, high + 1, settled.num_clusters)
    draw = stream(seed, "layout tables")
    drawn = MAX_HEADING * draw.uniform(-1, 1)
    shapes = [_shape(int(count), size_m, *draw.random(2)) for count in counts]
    own_m = territory_m(size_m)
    headings = (drawn * tenths / 10 for tenths in range(10, 0, -1))
    heading = next((turn for turn in headings if all(_extent_m(shape, turn) <= own_m for shape in shapes)), 0.0)
    strips: list[Strip] = []
    roads: list[np.ndarray] = []
    for cluster, (centre, shape) in enumerate(zip(centres, shapes, strict=True)):
        laid = _lay_cluster(cluster, centre, shape, heading, terrain)
        strips += laid
        roads += [strip.axis_m for strip in laid if len(strip.axis_m) > 1]
    return SiteLayout(strips=tuple(strips), roads_m=tuple(roads), centres_m=centres)


def _shape(piles: int, cluster_size_m: float, ratio: float, pitch: float) -> tuple[list[int], float]:
    """Piles per table group, and the pitch between groups in metres: nearly square on flat ground."""
    pairs = math.ceil(piles / 2)
    if pairs == 0:
        return [], TABLE_PITCH_M[0]
    fewest = math.ceil(pairs / table_columns(cluster_size_m))
    most = min(tables_across(cluster_size_m), pairs)
    square = math.sqrt(pairs * FLAT_SPACING_M / TABLE_PITCH_M[0])
    groups = min(max(round(square * (0.8 + 0.5 * ratio)), fewest), most)
    wide_m = (territory_m(cluster_size_m) - ROW_PITCH_M) / max(groups - 1, 1)
    pitch_m = _between(TABLE_PITCH_M, pitch, wide_m)
    columns = [pairs // groups + (group < pairs % groups) for group in range(groups)]
    counts = [2 * count for count in columns]
    counts[0] -= piles % 2
    return counts, pitch_m


def _extent_m(shape: tuple[list[int], float], heading: float) -> float:
    """The larger side of a cluster's axis-aligned bounding box, at the widest spacing."""
    counts, pitch_m = shape
    if not counts:
        return 0.0
    along = (math.ceil(max(counts) / 2) - 1) * PILE_SPACING_M[1]
    across = (len(counts) - 1) * pitch_m + ROW_PITCH_M
    cos, sin = math.cos(heading), abs(math.sin(heading))
    return max(along * cos + across * sin, along * sin + across * cos)


def _lay_cluster(
    cluster: int, centre: np.ndarray, shape: tuple[list[int], float], heading: float, terrain: Terrain
) -> list[Strip]:
    counts, pitch_m = shape
    forth = np.array([math.cos(heading), math.sin(heading)])
    aside = np.array([-forth[1], forth[0]])
    strips = []
    for group, count in enumerate(counts):
        middle = centre + aside * (group - (len(counts) - 1) / 2) * pitch_m
        slope_east, slope_north = terrain.slope_at(middle[:1], middle[1:], SLOPE_OVER_M)
        gap_m = spacing_m(float(slope_east[0]), float(slope_north[0]))
        columns = np.arange(count) // 2
        pairs = (count + 1) // 2
        axis = middle + ((np.arange(pairs) - (pairs - 1) / 2) * gap_m)[:, None] * forth
        across = (np.arange(count) % 2 - 0.5) * ROW_PITCH_M
        points = axis[columns] + across[:, None] * aside
        strips.append(Strip(points_m=points, columns=columns, heading=heading, axis_m=axis, cluster=cluster))
    return strips
