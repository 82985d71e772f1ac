"""Piles in long rows from west to east, all with the same bend, and a road after every fifth row."""

import numpy as np

from engine.jobs.dataset.scene.layout import SiteLayout, Strip
from engine.jobs.dataset.scene.settling import Settled
from engine.jobs.dataset.scene.site import PILE_SPACING_M, ROAD_M, ROWS_TO_A_ROAD, Site
from engine.jobs.dataset.scene.streams import Seed, stream

BEND_M = 2.0
"""Maximum offset of a row's middle from the straight line between its ends."""
ROAD_BEYOND_M = 4.0
"""Length by which a road extends beyond its rows at either end."""
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
