"""Layouts with a given number of piles: rows from west to east, all bent alike, with a road after
every fifth, or clusters, squares with a minimum distance, of tables with two rows of piles each."""

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

BEND_M = 2.0  # maximum offset of a row's middle from the straight line between its ends
ROAD_BEYOND_M = 4.0  # length by which a road extends beyond its rows at either end
POINTS_OF_ROAD = 25
THROWS = 200  # tries before clusters are placed on a lattice: on a crowded site random places fail
MAX_HEADING = math.radians(5)
FLAT_SPACING_M = 4.15
STEEP = 0.35  # rise per metre beyond which the spacing is constant
SLOPE_OVER_M = 12.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    points_m: np.ndarray  # (n, 2) positions of the piles, before jitter; sorted by column
    # (n,) int from 0: column of each pile; those of a column are side by side across the line
    columns: np.ndarray
    heading: float  # direction of the line in radians from east, counter-clockwise
    axis_m: np.ndarray  # (columns, 2): centre of the line at each column
    cluster: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteLayout:
    strips: tuple[Strip, ...]
    roads_m: tuple[np.ndarray, ...]  # (k, 2) each: centre lines of the roads, which are kept free


def lay_rows(settled: Settled, seed: Seed) -> SiteLayout:
    """num_rows x piles_per_row piles, a road after each fifth row and, with room, beside the first
    and last."""
    site = settled.site
    row_spacing_m = settled.row_spacing
    road, bend, gap, aside, up = stream(seed, "layout rows").random(5)
    spacing_m = _between(PILE_SPACING_M, gap, site.width_m / max(settled.piles_per_row - 1, 1))
    length_m = spacing_m * (settled.piles_per_row - 1)

    # The rows from south to north, the first at 0, then moved as a whole to where the bent field
    # fits.
    rows = np.arange(settled.num_rows)
    roads_before = rows // ROWS_TO_A_ROAD
    road_m = _between(
        ROAD_M, road, (site.depth_m - row_spacing_m * rows[-1]) / max(roads_before[-1], 1)
    )
    ys = rows * row_spacing_m + roads_before * road_m
    bend_m = (2 * bend - 1) * min(BEND_M, max(site.depth_m - ys[-1], 0))
    free_m = np.array([site.width_m - length_m, site.depth_m - ys[-1] - abs(bend_m)])
    middle_x, middle_y = (np.array([aside, up]) - 0.5) * np.maximum(free_m, 0)
    ys = ys - ys[-1] / 2 - bend_m / 2 + middle_y

    def bend_line(xs: np.ndarray, y: float) -> np.ndarray:
        """(n, 2) points of a line that is bent as all rows are."""
        return np.stack(
            [xs, y + bend_m * (1 - ((xs - middle_x) / max(length_m / 2, 1)) ** 2)], axis=1
        )

    columns = np.arange(settled.piles_per_row)
    lines = [bend_line(columns * spacing_m - length_m / 2 + middle_x, y) for y in ys]
    strips = tuple(
        Strip(points_m=line, columns=columns, heading=0.0, axis_m=line) for line in lines
    )
    between = [
        y + (row_spacing_m + road_m) / 2 for y in ys[ROWS_TO_A_ROAD - 1 : -1 : ROWS_TO_A_ROAD]
    ]
    beside_m = max(row_spacing_m, ROAD_M[0])
    beside = [
        y for y in (ys[0] - beside_m, ys[-1] + beside_m) if abs(y) <= site.depth_m / 2 - BEND_M
    ]
    reach_m = length_m / 2 + ROAD_BEYOND_M
    west, east = np.clip(
        [middle_x - reach_m, middle_x + reach_m], -site.width_m / 2, site.width_m / 2
    )
    roads = tuple(bend_line(np.linspace(west, east, POINTS_OF_ROAD), y) for y in between + beside)
    return SiteLayout(strips=strips, roads_m=roads)


def _between(limits: tuple[float, float], fraction: float, most: float) -> float:
    """The value at this fraction, 0..1, of the limits, of which the upper one is at most `most`."""
    low, high = limits
    return low + (max(min(high, most), low) - low) * fraction


def spacing_m(slope_east: float, slope_north: float) -> float:
    """Metres between piles along a row, for the ground's rise per metre to the east and to the
    north. Linear in the slope to the south (shading of fixed tables): 3.6 where it faces the noon
    sun, 4.15 on flat ground, up to 4.7."""
    low, high = PILE_SPACING_M
    to_south = min(max(slope_north / STEEP, -1.0), 1.0)
    aspect = abs(slope_north) / math.hypot(slope_east, slope_north) if slope_north else 0.0
    return FLAT_SPACING_M - to_south * aspect * (high - low) / 2


def place_centres(
    site: Site, cluster_size_m: float, count: int, draw: np.random.Generator
) -> np.ndarray:
    """Centres in metres, (count, 2), any two at least 1.5 cluster sizes apart in x or in y, all
    territories on the site. Never fails for up to `Site.clusters` clusters."""
    pitch_m = CLUSTER_PITCH * cluster_size_m
    own_m = territory_m(cluster_size_m)
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
    centres = place_centres(
        settled.site, size_m, settled.num_clusters, stream(seed, "layout centres")
    )
    low, high = settled.min_piles_per_cluster, settled.max_piles_per_cluster
    counts = stream(seed, "layout piles").integers(low, high + 1, settled.num_clusters)
    draw = stream(seed, "layout tables")
    max_heading = MAX_HEADING * draw.uniform(-1, 1)
    shapes = [_shape(int(count), size_m, *draw.random(2)) for count in counts]
    own_m = territory_m(size_m)
    headings = (max_heading * tenths / 10 for tenths in range(10, 0, -1))
    heading = next(
        (turn for turn in headings if all(_extent_m(shape, turn) <= own_m for shape in shapes)), 0.0
    )
    strips = [
        strip
        for cluster, (centre, shape) in enumerate(zip(centres, shapes, strict=True))
        for strip in _lay_cluster(cluster, centre, shape, heading, terrain)
    ]
    lanes = tuple(strip.axis_m for strip in strips if len(strip.axis_m) > 1)
    return SiteLayout(strips=tuple(strips), roads_m=lanes)


def _shape(
    piles: int, cluster_size_m: float, ratio: float, pitch: float
) -> tuple[list[int], float]:
    """Piles per table group, and the pitch between groups in metres: nearly square on flat
    ground."""
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
    cluster: int,
    centre: np.ndarray,
    shape: tuple[list[int], float],
    heading: float,
    terrain: Terrain,
) -> list[Strip]:
    """The cluster's tables, side by side across `heading`: two rows each, of pairs as far apart as
    the slope asks."""
    counts, pitch_m = shape
    forth = np.array([math.cos(heading), math.sin(heading)])
    aside = np.array([-forth[1], forth[0]])
    strips = []
    for group, count in enumerate(counts):
        middle = centre + aside * (group - (len(counts) - 1) / 2) * pitch_m
        (slope_east,), (slope_north,) = terrain.slope_at(middle[:1], middle[1:], SLOPE_OVER_M)
        pairs = (count + 1) // 2
        along_m = (np.arange(pairs) - (pairs - 1) / 2) * spacing_m(
            float(slope_east), float(slope_north)
        )
        axis = middle + along_m[:, None] * forth
        columns, rows = np.divmod(np.arange(count), 2)
        points = axis[columns] + ((rows - 0.5) * ROW_PITCH_M)[:, None] * aside
        strips.append(
            Strip(points_m=points, columns=columns, heading=heading, axis_m=axis, cluster=cluster)
        )
    return strips
