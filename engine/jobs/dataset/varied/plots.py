"""Planned places of piles: rows in blocks with roads between, over a disc of ground. Pure geometry, no terrain.

Coordinates are (u, v): u along the rows, v across them, metres from the middle of the field. The plan is straight
first, then bent as a whole (`Bend`), so rows and roads stay parallel; the field turns it into the world.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

MIN_PITCH_M = 1.15
"""Minimum distance of two piles; machines that set piles work at 1.2 m and more."""
MAX_SLANT = 0.5
"""Maximum slope of a bent row against a straight one. Rows come closer by its cosine."""
BENT_SHARE = float(np.cos(np.arctan(MAX_SLANT))) * 0.999
"""Distance of two piles by their planned one, at least."""


class FieldStyle(StrEnum):
    ROWS = "rows"
    """Long rows, with a road after some of them."""
    BLOCKS = "blocks"
    """Blocks of slightly different direction and spacing."""
    CONTOURS = "contours"
    """Rows along the contours of the ground."""
    TABLES = "tables"
    """Pairs of rows under one table each, in blocks."""
    RAFT = "raft"
    """A close grid under a building, staggered or not."""


BARE = {FieldStyle.TABLES: 0.4, FieldStyle.BLOCKS: 0.12}
"""Share of blocks that stay free; tables stand in clusters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """v + curve * u^2 / 2 + wave_m * sin(2 pi u / length_m + phase)."""

    curve: float = 0.0
    wave_m: float = 0.0
    length_m: float = 100.0
    phase: float = 0.0

    def shift_m(self, u: np.ndarray) -> np.ndarray:
        """(n,) metres across the rows."""
        wave = 2 * np.pi / self.length_m
        shift: np.ndarray = self.curve * u * u / 2 + self.wave_m * np.sin(wave * u + self.phase)
        return shift

    def slant(self, u: np.ndarray) -> np.ndarray:
        """(n,) slope of the row."""
        wave = 2 * np.pi / self.length_m
        slope: np.ndarray = self.curve * u + self.wave_m * wave * np.cos(wave * u + self.phase)
        return slope


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Distances of a field."""

    style: FieldStyle
    along_m: float
    """Between the piles of a row."""
    across_m: float
    """Between rows; between the middles of tables for TABLES."""
    pair_m: float = 0.0
    """Between the two rows of a table; 0 without tables."""
    road_m: float = 5.0
    """Free width between blocks, beyond the distance of rows."""
    is_staggered: bool = False
    min_pitch_m: float = MIN_PITCH_M

    @property
    def cell_m2(self) -> float:
        """Ground per pile inside a block."""
        return self.along_m * self.across_m / (2 if self.pair_m else 1)

    def scaled(self, factor: float, *, keeps_across: bool = False) -> "Pattern":
        """All distances times `factor`, none below `min_pitch_m`. `keeps_across`: the distance of rows was given."""
        pair_m = self.pair_m and max(self.pair_m * factor, self.min_pitch_m)
        across_m = max(self.across_m * factor, 2 * pair_m if pair_m else self.min_pitch_m)
        return Pattern(
            style=self.style,
            along_m=max(self.along_m * factor, self.min_pitch_m),
            across_m=self.across_m if keeps_across else across_m,
            pair_m=self.pair_m if keeps_across else pair_m,
            road_m=max(self.road_m * factor, 2.5),
            is_staggered=self.is_staggered,
            min_pitch_m=self.min_pitch_m,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plots:
    """n places for piles, and the roads between them; straight."""

    points: np.ndarray
    """(n, 2) u and v."""
    turns: np.ndarray
    """(n,) direction of the pile's row against u, radians."""
    blocks: np.ndarray
    """(n,) int"""
    rows: np.ndarray
    """(n,) int, unique over all blocks"""
    columns: np.ndarray
    """(n,) int, place in its row."""
    order: np.ndarray
    """(n,) float: when it is built; the lower the earlier."""
    roads: tuple[np.ndarray, ...]
    """(k, 2) each."""
    centres: np.ndarray
    """(blocks, 2)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    west: float
    south: float
    width: float
    depth: float


def plot(pattern: Pattern, reach_m: float, draw: np.random.Generator) -> Plots:
    """Fill the square of 2 * reach_m with blocks."""
    blocks, roads = _shelves(pattern, reach_m, draw)
    # Thick piles need so much room that all blocks in a picture might stay bare.
    bare_share = BARE.get(pattern.style, 0.0) if pattern.min_pitch_m == MIN_PITCH_M else 0.0
    bare = draw.random(len(blocks)) < bare_share
    blocks = [block for block, is_bare in zip(blocks, bare, strict=True) if not is_bare] or blocks
    begin = draw.uniform(-0.6, 0.6, 2) * reach_m
    spread, disorder = draw.uniform(0.3, 3.0), draw.uniform(0.05, 0.8)
    parts: list[tuple[np.ndarray, ...]] = []
    next_row = 0
    for number, block in enumerate(blocks):
        points, row, column, turn = _fill(block, pattern, draw)
        middle = np.array([block.west + block.width / 2, block.south + block.depth / 2])
        start = spread * float(np.hypot(*(middle - begin))) / reach_m + disorder * draw.random()
        rows, columns = int(row.max(initial=-1)) + 1, int(column.max(initial=-1)) + 1
        first_last, east_west, lag = draw.random(3)
        progress = row / max(rows, 1) if first_last < 0.5 else 1 - (row + 1) / max(rows, 1)
        inner = column / max(columns, 1) if east_west < 0.5 else 1 - column / max(columns, 1)
        # The crew may work on several rows at once: then the block's front is a staircase.
        order = start + progress + inner * (0.3 * lag + 1 / max(rows, 1))
        fill = np.full(len(row), number)
        parts.append((points, np.full(len(row), turn), fill, row + next_row, column, order))
        next_row += rows
    points, turns, numbers, rows_, columns_, orders = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Plots(
        points=points,
        turns=turns,
        blocks=numbers,
        rows=rows_,
        columns=columns_,
        order=orders,
        roads=tuple(roads),
        centres=np.array([(b.west + b.width / 2, b.south + b.depth / 2) for b in blocks]),
    )


def _shelves(pattern: Pattern, reach_m: float, draw: np.random.Generator) -> tuple[list[_Block], list[np.ndarray]]:
    """Rectangles with a road's width between them, and the centre lines of these roads."""
    is_long = pattern.style in (FieldStyle.ROWS, FieldStyle.CONTOURS)
    blocks: list[_Block] = []
    roads: list[np.ndarray] = []
    south = -reach_m - draw.random() * 12 * pattern.across_m
    while south < reach_m:
        deep = int(draw.integers(4, 13 if is_long else 16)) * pattern.across_m
        west = -reach_m - draw.random() * 20 * pattern.along_m
        while west < reach_m:
            wide = 2.2 * reach_m if is_long and draw.random() < 0.7 else int(draw.integers(8, 40)) * pattern.along_m
            blocks.append(_Block(west=west, south=south, width=wide, depth=deep))
            west += wide + pattern.road_m
            if west < reach_m:
                roads.append(_line((west - pattern.road_m / 2, south), (west - pattern.road_m / 2, south + deep)))
        south += deep + pattern.road_m
        if south < reach_m:
            roads.append(_line((-reach_m, south - pattern.road_m / 2), (reach_m, south - pattern.road_m / 2)))
    return blocks, roads


def _fill(
    block: _Block, pattern: Pattern, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Points (n, 2), row and column (n,), and the direction of one block, which lies inside its rectangle."""
    is_own = pattern.style in (FieldStyle.BLOCKS, FieldStyle.TABLES, FieldStyle.RAFT)
    crosswise, lean, along, across, start = draw.random(5)
    turn = 0.0
    wide, deep = block.width, block.depth
    if is_own and crosswise < 0.08:
        turn, wide, deep = np.pi / 2, deep, wide
    if is_own:  # its corners may use half of the road
        turn += (2 * lean - 1) * min(0.12, 0.8 * pattern.road_m / max(wide, deep))
    along_m = pattern.along_m * (0.94 + 0.12 * along if is_own else 1.0)
    across_m = pattern.across_m * (0.94 + 0.12 * across if is_own else 1.0)
    columns, lines = max(int(wide / along_m), 1), max(int(deep / across_m), 1)
    offsets = np.array([-pattern.pair_m / 2, pattern.pair_m / 2]) if pattern.pair_m else np.zeros(1)
    vs = ((np.arange(lines) - (lines - 1) / 2)[:, None] * across_m + offsets).reshape(-1)
    us = (np.arange(columns) - (columns - 1) / 2) * along_m + (start - 0.5) * max(wide - columns * along_m, 0)
    u, v = np.meshgrid(us, vs)
    if pattern.is_staggered:
        u = u + (np.arange(len(vs)) % 2 * along_m / 2)[:, None]
    row, column = np.divmod(np.arange(u.size), columns)
    cos, sin = np.cos(turn), np.sin(turn)
    middle = (block.west + block.width / 2, block.south + block.depth / 2)
    points = np.stack([middle[0] + cos * u - sin * v, middle[1] + sin * u + cos * v], axis=-1).reshape(-1, 2)
    return points, row, column, float(turn)


def _line(begin: tuple[float, float], end: tuple[float, float], step_m: float = 4.0) -> np.ndarray:
    count = max(int(np.hypot(end[0] - begin[0], end[1] - begin[1]) / step_m), 1) + 1
    return np.linspace(begin, end, count)


def far_apart(points: np.ndarray, least_m: float) -> np.ndarray:
    """(n,) bool: True for points that are at least `least_m` from all kept points before them."""
    kept = np.ones(len(points), bool)
    for first, second in close_pairs(points, least_m).tolist():
        if kept[first]:
            kept[second] = False
    return kept


def close_pairs(points: np.ndarray, within_m: float) -> np.ndarray:
    """(k, 2) indices of all two points nearer to each other than `within_m`; lower index first, ascending."""
    order = np.argsort(points[:, 0], kind="stable")
    ordered = points[order]
    pairs = [np.empty((0, 2), int)]
    for ahead in range(1, len(points)):
        apart = ordered[ahead:] - ordered[:-ahead]
        is_beside = apart[:, 0] < within_m
        if not is_beside.any():
            break
        is_near = is_beside & ((apart * apart).sum(axis=1) < within_m * within_m)
        behind = np.flatnonzero(is_near)
        pairs.append(np.sort(np.stack([order[behind], order[behind + ahead]], axis=1), axis=1))
    found = np.concatenate(pairs)
    return found[np.lexsort((found[:, 1], found[:, 0]))]
