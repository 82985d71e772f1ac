"""Plans rows of piles in blocks with roads between, and builds a part of them. A plan has
coordinates u along the rows and v across them, metres; it is bent as a whole (`Bend`): rows and
roads stay parallel. Then it is turned."""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from engine.dataset.layout.sight import MAX_REACH_M, corners_of_views, is_in_picture, visible_m2
from engine.dataset.layout.weights import pick
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import Terrain
from engine.dataset.scene.streams import Seed, stream

MIN_PITCH_M = 1.15  # minimum distance of two piles; machines that set piles work at 1.2 m and more
MAX_SLANT = (
    0.5  # maximum slope of a bent row against a straight one. Rows come closer by its cosine.
)
# distance of two piles by their planned one, at least
MIN_BENT_RATIO = float(np.cos(np.arctan(MAX_SLANT))) * 0.999
# share of the picture that the built blocks take up, if the number of piles allows it
COVERED = (0.45, 0.95)
DENSER = 0.85  # factor for all distances until the target number fits
MAX_TRIES = 16
MAX_MISSING = 0.08
GAP_FRACTION = 0.12  # share of rows with a gap of GAP_PILES piles
GAP_PILES = (2, 7)
MAX_TEST_PILES = 5
WAVE_SLANT = 0.2  # maximum slope of a row along a contour, from its waves
MIN_SLOPE = 0.01  # rise per metre below which ground has no contours to follow
OTHER_BLOCK = 10_000  # block number of test piles


class FieldStyle(StrEnum):
    ROWS = "rows"  # long rows, with a road after some of them
    BLOCKS = "blocks"  # blocks of slightly different direction and spacing
    CONTOURS = "contours"  # rows along the contours of the ground
    TABLES = "tables"  # pairs of rows under one table each, in blocks
    RAFT = "raft"  # a close grid under a building, staggered or not


# share of blocks that stay free; tables stand in clusters
BARE = {FieldStyle.TABLES: 0.4, FieldStyle.BLOCKS: 0.12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """Bends a row: v + curve * u^2 / 2 + wave_m * sin(2 pi u / length_m + phase)."""

    curve: float = 0.0
    wave_m: float = 0.0
    length_m: float = 100.0
    phase: float = 0.0

    def shift_m(self, u: np.ndarray) -> np.ndarray:
        shift: np.ndarray = self.curve * u * u / 2 + self.wave_m * np.sin(
            2 * np.pi / self.length_m * u + self.phase
        )
        return shift

    def slant(self, u: np.ndarray) -> np.ndarray:
        wave = 2 * np.pi / self.length_m
        return self.curve * u + self.wave_m * wave * np.cos(wave * u + self.phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    style: FieldStyle
    along_m: float  # between the piles of a row
    across_m: float  # between rows; between the middles of tables for TABLES
    pair_m: float = 0.0  # between the two rows of a table; 0 without tables
    road_m: float = 5.0  # free width between blocks, beyond the distance of rows
    is_staggered: bool = False
    min_pitch_m: float = MIN_PITCH_M

    @property
    def cell_m2(self) -> float:
        return self.along_m * self.across_m / (2 if self.pair_m else 1)

    def scaled(self, factor: float, *, keeps_across: bool = False) -> "Pattern":
        """All distances times `factor`, none below `min_pitch_m`. `keeps_across`: the distance of
        rows was given."""
        pair_m = self.pair_m and max(self.pair_m * factor, self.min_pitch_m)
        across_m = max(self.across_m * factor, 2 * pair_m if pair_m else self.min_pitch_m)
        scaled = replace(
            self,
            along_m=max(self.along_m * factor, self.min_pitch_m),
            road_m=max(self.road_m * factor, 2.5),
        )
        return scaled if keeps_across else replace(scaled, across_m=across_m, pair_m=pair_m)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plots:
    points: np.ndarray  # (n, 2) u and v
    turns: np.ndarray  # (n,) direction of the pile's row against u, radians
    blocks: np.ndarray  # (n,) int
    rows: np.ndarray  # (n,) int, unique over all blocks
    columns: np.ndarray  # (n,) int, index in its row
    order: np.ndarray  # (n,) float: when it is built; the lower the earlier
    roads: tuple[np.ndarray, ...]  # (k, 2) each


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    west: float
    south: float
    width: float
    depth: float


def plot(pattern: Pattern, reach_m: float, draw: np.random.Generator) -> Plots:
    """Fill the square of 2 * reach_m with blocks."""
    blocks, roads = _partition(pattern, reach_m, draw)
    # Thick piles need so much room that all blocks in a picture might stay bare.
    bare_share = BARE.get(pattern.style, 0.0) if pattern.min_pitch_m == MIN_PITCH_M else 0.0
    bare = draw.random(len(blocks)) < bare_share
    blocks = [block for block, is_bare in zip(blocks, bare, strict=True) if not is_bare] or blocks
    begin = draw.uniform(-0.6, 0.6, 2) * reach_m
    spread = draw.uniform(0.3, 3.0)
    disorder = draw.uniform(0.05, 0.8)
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
    points, turns, numbers, rows_, columns_, orders = (
        np.concatenate(each) for each in zip(*parts, strict=True)
    )
    return Plots(
        points=points,
        turns=turns,
        blocks=numbers,
        rows=rows_,
        columns=columns_,
        order=orders,
        roads=tuple(roads),
    )


def _partition(
    pattern: Pattern, reach_m: float, draw: np.random.Generator
) -> tuple[list[_Block], list[np.ndarray]]:
    """Rectangles with a road's width between them, and the centre lines of these roads."""
    is_long = pattern.style in (FieldStyle.ROWS, FieldStyle.CONTOURS)
    blocks: list[_Block] = []
    roads: list[np.ndarray] = []
    south = -reach_m - draw.random() * 12 * pattern.across_m
    while south < reach_m:
        deep = int(draw.integers(4, 13 if is_long else 16)) * pattern.across_m
        west = -reach_m - draw.random() * 20 * pattern.along_m
        while west < reach_m:
            wide = (
                2.2 * reach_m
                if is_long and draw.random() < 0.7
                else int(draw.integers(8, 40)) * pattern.along_m
            )
            blocks.append(_Block(west=west, south=south, width=wide, depth=deep))
            west += wide + pattern.road_m
            if west < reach_m:
                roads.append(
                    _line(
                        (west - pattern.road_m / 2, south),
                        (west - pattern.road_m / 2, south + deep),
                    )
                )
        south += deep + pattern.road_m
        if south < reach_m:
            roads.append(
                _line((-reach_m, south - pattern.road_m / 2), (reach_m, south - pattern.road_m / 2))
            )
    return blocks, roads


def _fill(
    block: _Block, pattern: Pattern, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Points (n, 2), row and column (n,), and the direction of one block, which lies inside its
    rectangle."""
    is_own = pattern.style in (FieldStyle.BLOCKS, FieldStyle.TABLES, FieldStyle.RAFT)
    crosswise, lean, along, across, start = draw.random(5)
    turn = 0.0
    wide = block.width
    deep = block.depth
    if is_own and crosswise < 0.08:
        turn, wide, deep = np.pi / 2, deep, wide
    if is_own:  # its corners may use half of the road
        turn += (2 * lean - 1) * min(0.12, 0.8 * pattern.road_m / max(wide, deep))
    along_m = pattern.along_m * (0.94 + 0.12 * along if is_own else 1.0)
    across_m = pattern.across_m * (0.94 + 0.12 * across if is_own else 1.0)
    columns = max(int(wide / along_m), 1)
    lines = max(int(deep / across_m), 1)
    offsets = np.array([-pattern.pair_m / 2, pattern.pair_m / 2]) if pattern.pair_m else np.zeros(1)
    vs = ((np.arange(lines) - (lines - 1) / 2)[:, None] * across_m + offsets).reshape(-1)
    us = (np.arange(columns) - (columns - 1) / 2) * along_m + (start - 0.5) * max(
        wide - columns * along_m, 0
    )
    u, v = np.meshgrid(us, vs)
    if pattern.is_staggered:
        u = u + (np.arange(len(vs)) % 2 * along_m / 2)[:, None]
    row, column = np.divmod(np.arange(u.size), columns)
    cos, sin = np.cos(turn), np.sin(turn)
    middle = (block.west + block.width / 2, block.south + block.depth / 2)
    points = np.stack(
        [middle[0] + cos * u - sin * v, middle[1] + sin * u + cos * v], axis=-1
    ).reshape(-1, 2)
    return points, row, column, float(turn)


def _line(begin: tuple[float, float], end: tuple[float, float], step_m: float = 4.0) -> np.ndarray:
    count = max(int(np.hypot(end[0] - begin[0], end[1] - begin[1]) / step_m), 1) + 1
    return np.linspace(begin, end, count)


def far_apart(points: np.ndarray, least_m: float) -> np.ndarray:
    """Mask of the points that are at least `least_m` from all such points before them, (n,)
    bool."""
    is_used = np.ones(len(points), bool)
    for first, second in close_pairs(points, least_m).tolist():
        if is_used[first]:
            is_used[second] = False
    return is_used


def close_pairs(points: np.ndarray, within_m: float) -> np.ndarray:
    """Index pairs, (k, 2), of all points nearer to each other than `within_m`; lower index first,
    ascending."""
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


STYLES = (
    (FieldStyle.ROWS, 0.22), (FieldStyle.BLOCKS, 0.28), (FieldStyle.CONTOURS, 0.15),
    (FieldStyle.TABLES, 0.25), (FieldStyle.RAFT, 0.10),
)  # fmt: skip
IN_ROWS = tuple(entry for entry in STYLES if entry[0] is not FieldStyle.TABLES)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    points_m: np.ndarray  # (n, 2)
    headings: np.ndarray  # (n,) direction of each pile's row, radians from east
    blocks: np.ndarray  # (n,) int
    rows: np.ndarray  # (n,) int, unique over all blocks
    columns: np.ndarray  # (n,) int
    roads_m: tuple[np.ndarray, ...]
    visible_piles: float  # piles per full picture, mean over the cameras

    def shifted(self, by_m: np.ndarray) -> "Field":
        return replace(
            self,
            points_m=np.round(self.points_m + by_m, 4),
            roads_m=tuple(road + by_m for road in self.roads_m),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FieldRequest:
    target_count: int  # piles that the cameras show, on average
    cameras: tuple[SiteCamera, ...]
    terrain: Terrain
    seed: Seed
    min_pitch_m: float = MIN_PITCH_M  # distance of two piles
    row_spacing: float | None = None
    use_clusters: bool | None = None

    @property
    def covers(self) -> np.ndarray:
        """Lowest and highest x and y of what the cameras see, (2, 2)."""
        corners = corners_of_views(self.cameras)
        return np.stack([corners.min(axis=(0, 1)), corners.max(axis=(0, 1))])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Course:
    middle: np.ndarray  # (2,) x and y of the plan's origin
    heading: float  # direction of the rows, radians from east
    bend: Bend

    def world(self, straight: np.ndarray) -> np.ndarray:
        """(n, 2) u and v to (n, 2) x and y, rounded to 0.1 mm against rounding differences of
        processors."""
        forth = np.array([np.cos(self.heading), np.sin(self.heading)])
        aside = np.array([-forth[1], forth[0]])
        v = straight[:, 1] + self.bend.shift_m(straight[:, 0])
        return np.asarray(np.round(self.middle + straight[:, :1] * forth + v[:, None] * aside, 4))


def plan_field(request: FieldRequest) -> Field:
    """Plan a field around what the cameras see, and build it until they show the target number of
    piles on average."""
    low, high = request.covers
    reach_m = min(float(np.hypot(*(high - low))) / 2 * 1.1 + 10, MAX_REACH_M)
    pattern = pattern_of(request)
    course = _course(request, pattern.style, (low + high) / 2, reach_m)
    built: Field | None = None
    for _ in range(MAX_TRIES):
        plots = plot(pattern, reach_m, stream(request.seed, "field plots"))
        built = _build(request, plots, pattern, course)
        denser = pattern.scaled(DENSER, keeps_across=request.row_spacing is not None)
        if built.visible_piles >= request.target_count or denser == pattern:
            break
        pattern = denser
    assert built is not None
    return built


def pattern_of(request: FieldRequest) -> Pattern:
    """Style and distances, close enough for the target number on the ground that the cameras
    see."""
    keeps_across = request.row_spacing is not None
    seen = float(np.mean([visible_m2(camera) for camera in request.cameras]))
    style_roll, gap, *sizes = stream(request.seed, "field pattern").random(8).tolist()
    styles = STYLES if request.use_clusters is None else IN_ROWS
    style = FieldStyle.TABLES if request.use_clusters else FieldStyle(pick(styles, style_roll))
    along_m = 1.8 + 5.0 * sizes[0] ** 1.5
    across_m = 3.0 + 8.0 * sizes[1] ** 1.5
    pair_m = 0.0
    if style is FieldStyle.RAFT:
        along_m = 1.5 + 2.5 * sizes[0]
        across_m = along_m * (0.8 + 0.4 * sizes[1])
    if style is FieldStyle.TABLES:
        pair_m = 1.8 + 2.0 * sizes[2]
        across_m = 2 * pair_m + 0.5 + 2.5 * sizes[1]
    if request.row_spacing is not None:
        across_m = request.row_spacing
        pair_m = pair_m and across_m / 2
    pattern = Pattern(
        style=style,
        along_m=along_m,
        across_m=across_m,
        pair_m=pair_m,
        road_m=3.5 + 4.5 * sizes[3],
        is_staggered=sizes[4] < (0.5 if style is FieldStyle.RAFT else 0.12),
        min_pitch_m=request.min_pitch_m,
    ).scaled(1.0, keeps_across=keeps_across)
    largest = seen * (COVERED[0] + (COVERED[1] - COVERED[0]) * gap) / max(request.target_count, 1)
    if pattern.cell_m2 <= largest:
        return pattern
    power = 1.0 if keeps_across else 0.5  # only the distance in the row may change
    return pattern.scaled((largest / pattern.cell_m2) ** power, keeps_across=keeps_across)


def _course(
    request: FieldRequest, style: FieldStyle, middle: np.ndarray, reach_m: float
) -> _Course:
    turn, bow, wave, length, phase, wave_roll = (
        stream(request.seed, "field course").random(6).tolist()
    )
    heading = turn * 2 * np.pi
    if style is not FieldStyle.CONTOURS:
        is_bent = style is FieldStyle.ROWS and wave_roll < 0.5
        return _Course(
            middle=middle,
            heading=heading,
            bend=Bend(curve=(2 * bow - 1) * 0.06 / reach_m * is_bent),
        )
    along, rise = _contour(request.terrain, middle, min(reach_m, 80.0))
    limit = (MAX_SLANT - WAVE_SLANT) / reach_m
    length_m = 60.0 + 120.0 * length
    bend = Bend(
        curve=float(np.clip(2 * (2 * bow - 1) * limit if rise is None else rise, -limit, limit)),
        wave_m=wave * WAVE_SLANT * length_m / (2 * np.pi),
        length_m=length_m,
        phase=phase * 2 * np.pi,
    )
    return _Course(middle=middle, heading=heading if rise is None else along, bend=bend)


def _contour(terrain: Terrain, middle: np.ndarray, half_m: float) -> tuple[float, float | None]:
    """Direction and curvature of the contour through `middle`: of the quadric of least squares
    through the ground."""
    steps = np.linspace(-half_m, half_m, 15)
    dx, dy = (each.reshape(-1) for each in np.meshgrid(steps, steps))
    z = terrain.height_at(middle[0] + dx, middle[1] + dy)
    # The sums over a symmetric grid decouple, so no solver is needed.
    xx = float((steps * steps).mean())
    east = float((z * dx).mean()) / xx
    north = float((z * dy).mean()) / xx
    slope = float(np.hypot(east, north))
    if slope < MIN_SLOPE:
        return 0.0, None
    spread = float((steps**4).mean()) - xx * xx
    bend_xx = float((z * (dx * dx - xx)).mean()) / spread * 2
    bend_yy = float((z * (dy * dy - xx)).mean()) / spread * 2
    bend_xy = float((z * dx * dy).mean()) / (xx * xx)
    along = np.array([-north, east]) / slope  # uphill is to its right
    second = bend_xx * along[0] ** 2 + bend_yy * along[1] ** 2 + 2 * bend_xy * along[0] * along[1]
    # Along the contour z stays: slope * right = -second * u^2 / 2; v counts to the left.
    return float(np.arctan2(along[1], along[0])), second / slope


def _build(request: FieldRequest, plots: Plots, pattern: Pattern, course: _Course) -> Field:
    first = np.argsort(plots.order, kind="stable")
    first = first[_is_present(plots, request.seed)[first]]
    test_points = _test_piles(request)
    tests = len(test_points)
    points = np.concatenate([test_points, course.world(plots.points[first])])
    grounded = request.terrain.on_surface(points)
    weight = np.mean([is_in_picture(camera, grounded) for camera in request.cameras], axis=0)
    chosen, visible_piles = _first_piles(
        points, weight, request.target_count, pattern.min_pitch_m * MIN_BENT_RATIO
    )

    def select(values: np.ndarray, of_tests: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.concatenate([of_tests, values[first]])[chosen]
        return found

    turns = plots.turns + np.arctan(course.bend.slant(plots.points[:, 0]))
    return Field(
        points_m=points[chosen],
        headings=course.heading + select(turns, np.zeros(tests)),
        blocks=select(plots.blocks, np.full(tests, OTHER_BLOCK)),
        rows=select(plots.rows, np.arange(tests) - tests),
        columns=select(plots.columns, np.zeros(tests, int)),
        roads_m=tuple(course.world(road) for road in plots.roads),
        visible_piles=visible_piles,
    )


def _first_piles(
    points: np.ndarray, weight: np.ndarray, target_count: int, apart_m: float
) -> tuple[np.ndarray, float]:
    """Indices of the piles to build, in order and `apart_m` apart, until they weigh `target_count`;
    and the weight."""
    ahead = np.searchsorted(np.cumsum(weight), target_count * 1.1 + 5, side="right") + 1
    while True:
        some = np.flatnonzero(far_apart(points[:ahead], apart_m))
        total = np.cumsum(weight[some])
        reached = np.flatnonzero(total >= target_count - 1e-9)
        if len(reached):
            end = int(reached[0]) + 1
            return some[:end], float(total[end - 1])
        if ahead >= len(points):
            return some, float(total[-1]) if len(total) else 0.0
        ahead *= 2


def _is_present(plots: Plots, seed: Seed) -> np.ndarray:
    """(n,) bool: False for piles that are missing one by one, and in gaps of a row."""
    draw = stream(seed, "field missing")
    missing_fraction = MAX_MISSING * draw.random() ** 2
    present: np.ndarray = draw.random(len(plots.rows)) >= missing_fraction
    rows = int(plots.rows.max(initial=-1)) + 1
    longest = np.zeros(rows, int)
    np.maximum.at(longest, plots.rows, plots.columns)
    gap_rolls, start, count = draw.random((3, rows))
    begin = start * np.maximum(longest, 1)
    end = begin + GAP_PILES[0] + count * (GAP_PILES[1] - GAP_PILES[0])
    in_gap = (plots.columns >= begin[plots.rows]) & (plots.columns < end[plots.rows])
    present &= ~(in_gap & (gap_rolls < GAP_FRACTION)[plots.rows])
    return present


def _test_piles(request: FieldRequest) -> np.ndarray:
    """(k, 2) single piles anywhere, set before the others to test the ground; often none."""
    draw = stream(request.seed, "field tests")
    count = min(
        max(int(2 * MAX_TEST_PILES * draw.random()) - MAX_TEST_PILES + 1, 0),
        request.target_count // 4,
    )
    low, high = request.covers
    return np.asarray(np.round(low + (high - low) * draw.random((MAX_TEST_PILES, 2))[:count], 4))
