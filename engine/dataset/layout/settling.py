"""Determines every number of a site: given ones, and random ones for the rest, so that all fit
together. How many rows, clusters, piles and terraces fit is arithmetic on the plan, on which
layouts rely."""

import math
from dataclasses import dataclass

from engine.dataset.options import Preset, SceneOptions, option_name
from engine.dataset.scene.camera import CAMERA_HEIGHT_M, FIELD_OF_VIEW_DEG
from engine.dataset.scene.streams import Seed, stream
from engine.errors import UsageError

SEEN_ACROSS_M = 2 * CAMERA_HEIGHT_M * math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2)
MARGIN_M = 3.0  # minimum distance between the picture's edge and a pile, at mean height
MIN_SITE_M = 4.0

PILE_SPACING_M = (3.6, 4.7)  # minimum and maximum along a row
ROWS_TO_A_ROAD = 5
ROAD_M = (4.0, 5.0)  # extra distance between two rows for a road

# distance of the two rows of piles under one table; minimum distance between tables or clusters
ROW_PITCH_M = 3.6
# minimum and maximum distance between tables across the rows
TABLE_PITCH_M = (2 * ROW_PITCH_M, 8.0)
CLUSTER_PITCH = 1.5  # minimum distance between centres of clusters, in cluster sizes
STEEPEST_RISE = 0.35  # maximum total rise of the terraces per metre of the site's shorter side
MAX_RISE_M = 60.0  # the camera is 100 m above the middle of the rise

_ROUNDING = 1e-9
TERRAIN_SIZE_M = (180.0, 220.0)
TERRACES = (6, 11)
TERRACE_HEIGHT_M = (1.5, 3.0)
ROWS = (12, 17)
PILES_PER_ROW = (30, 39)
ROW_SPACING_M = (3.0, 4.0)
CLUSTERS = (1, 5)
SUN_ELEVATION_DEG = (30.0, 60.0)
SUN_AZIMUTH_DEG = (0.0, 360.0)
SUN_ENERGY = (1.5, 2.5)
USUAL_BAGS = 30
USUAL_MACHINES = 15
USUAL_CLUSTER_M = 30.0
USUAL_PILES_PER_CLUSTER = (50, 100)
CLUSTERED_FRACTION = (
    0.65  # of pictures. Clusters hold about 225 piles, rows about 500: near the real mean of 322.7
)
_OF_ROWS = ("num_rows", "piles_per_row", "row_spacing")
OF_CLUSTERS = ("num_clusters", "cluster_size", "min_piles_per_cluster", "max_piles_per_cluster")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The area for piles: a rectangle around the origin."""

    width_m: float  # east to west
    depth_m: float  # north to south

    @property
    def description(self) -> str:
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
        pitch = CLUSTER_PITCH * cluster_size_m
        own = territory_m(cluster_size_m)
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
    """The terrain clipped to the camera's view at mean height, minus a margin; a side may be 0 or
    negative."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """`SceneOptions` with every value chosen. Values of the layout that is not used have no
    meaning."""

    use_clusters: bool
    num_clusters: int
    terrain_size: float
    num_rows: int
    piles_per_row: int
    row_spacing: float
    num_terraces: int
    terrace_height: float
    sun_elevation: float
    sun_azimuth: float
    sun_energy: float
    num_bags: int
    num_machinery: int
    # True if the number was given, so that placing fewer is an error. The same for machines.
    must_bags_fit: bool
    must_machinery_fit: bool
    min_piles_per_cluster: int
    max_piles_per_cluster: int
    cluster_size: float
    geological_preset: Preset | None
    width: int
    height: int

    @property
    def site(self) -> Site:
        return site_of(self.terrain_size, self.width, self.height)


def settle(options: SceneOptions, seed: Seed) -> Settled:
    """Complete the options with random values; fast. UsageError, with the number that fits, if they
    do not fit."""
    options.check()
    draw = _Draw(options, seed)
    use_clusters = _settle_layout(options, seed)
    terrain_size = _settle_terrain(options, draw, use_clusters)
    site = site_of(terrain_size, options.width, options.height)
    if site.shorter_m < MIN_SITE_M:
        low_m, high_m = sorted((options.width, options.height))
        raise UsageError(
            f"--width {options.width} --height {options.height}: the camera sees a strip of "
            f"{SEEN_ACROSS_M * low_m / high_m:.1f} m; a site needs {MIN_SITE_M + 2 * MARGIN_M:g}"
        )
    num_rows, row_spacing, piles_per_row = _settle_rows(options, draw, site, use_clusters)
    num_terraces, terrace_height = _settle_terraces(options, draw, site)
    fewest, most = _piles_per_cluster(options)
    return Settled(
        use_clusters=use_clusters,
        num_clusters=_settle_clusters(options, draw, site, use_clusters),
        terrain_size=terrain_size,
        num_rows=num_rows,
        piles_per_row=piles_per_row,
        row_spacing=row_spacing,
        num_terraces=num_terraces,
        terrace_height=terrace_height,
        sun_elevation=draw.number("sun_elevation", *SUN_ELEVATION_DEG),
        sun_azimuth=draw.number("sun_azimuth", *SUN_AZIMUTH_DEG),
        sun_energy=draw.number("sun_energy", *SUN_ENERGY),
        num_bags=USUAL_BAGS if options.num_bags is None else options.num_bags,
        num_machinery=USUAL_MACHINES if options.num_machinery is None else options.num_machinery,
        must_bags_fit=options.num_bags is not None,
        must_machinery_fit=options.num_machinery is not None,
        min_piles_per_cluster=fewest,
        max_piles_per_cluster=most,
        cluster_size=_cluster_size(options),
        geological_preset=options.geological_preset,
        width=options.width,
        height=options.height,
    )


@dataclass(frozen=True, slots=True)
class _Draw:
    """Draws random values. Each is clipped to what fits only afterwards, so giving one option
    explicitly with the value it would have drawn changes none of the others."""

    options: SceneOptions
    seed: Seed

    def number(self, field: str, low: float, high: float, most: float = float("inf")) -> float:
        option = getattr(self.options, field)
        if option is not None:
            return float(option)
        return min(low + (high - low) * stream(self.seed, f"option {field}").random(), most)

    def whole(self, field: str, low: int, high: int, most: int) -> int:
        """An integer in low..high, both included; at least 1."""
        option = getattr(self.options, field)
        if option is not None:
            return int(option)
        random_value = low + int((high - low + 1) * stream(self.seed, f"option {field}").random())
        return max(min(random_value, most), 1)


def _settle_layout(options: SceneOptions, seed: Seed) -> bool:
    """True for clusters: given by name, implied by an option of one layout only, or else random."""
    rows = [field for field in _OF_ROWS if getattr(options, field) is not None]
    clusters = [field for field in OF_CLUSTERS if getattr(options, field) is not None]
    if options.use_clusters is not None:
        idle = rows if options.use_clusters else clusters
        if idle:
            layout = "--use-clusters" if options.use_clusters else "--no-use-clusters"
            raise UsageError(
                f"{option_name(idle[0])} {getattr(options, idle[0])}: has no effect with {layout}"
            )
        return options.use_clusters
    if bool(rows) != bool(clusters):
        return bool(clusters)
    largest = site_of(options.terrain_size or TERRAIN_SIZE_M[1], options.width, options.height)
    if largest.clusters(USUAL_CLUSTER_M) == 0:
        return False
    return stream(seed, "option use_clusters").random() < CLUSTERED_FRACTION


def _settle_terrain(options: SceneOptions, draw: _Draw, use_clusters: bool) -> float:
    """Side of the site in metres; enlarged where the given options need it."""
    drawn_m = draw.number("terrain_size", *TERRAIN_SIZE_M)
    if options.terrain_size is not None:
        return drawn_m
    for size_m in (drawn_m, *range(int(TERRAIN_SIZE_M[0]), int(TERRAIN_SIZE_M[1]), 5)):
        site = site_of(size_m, options.width, options.height)
        if use_clusters:
            fits = site.clusters(_cluster_size(options)) >= (options.num_clusters or 1)
        else:
            spacing_m = options.row_spacing or ROW_SPACING_M[0]
            fits = site.rows(spacing_m) >= (options.num_rows or 1)
            fits = fits and site.piles_per_row() >= (options.piles_per_row or 1)
        if fits and size_m >= drawn_m:
            return float(size_m)
    return TERRAIN_SIZE_M[1]


def _settle_rows(
    options: SceneOptions, draw: _Draw, site: Site, use_clusters: bool
) -> tuple[int, float, int]:
    widest_m = ROW_SPACING_M[1]
    if options.num_rows is not None and options.num_rows > 1:
        roads_m = (options.num_rows - 1) // ROWS_TO_A_ROAD * ROAD_M[0]
        widest_m = (site.depth_m - roads_m) / (options.num_rows - 1)
    spacing_m = draw.number("row_spacing", *ROW_SPACING_M, most=max(widest_m, ROW_SPACING_M[0]))
    rows_fit = site.rows(spacing_m)
    piles_fit = site.piles_per_row()
    num_rows = draw.whole("num_rows", *ROWS, rows_fit)
    piles_per_row = draw.whole("piles_per_row", *PILES_PER_ROW, piles_fit)
    if not use_clusters:
        if num_rows > rows_fit:
            raise UsageError(
                f"--num-rows {num_rows}: {rows_fit} rows fit on {site.description} at "
                f"--row-spacing {spacing_m:g}"
            )
        if piles_per_row > piles_fit:
            raise UsageError(
                f"--piles-per-row {piles_per_row}: {piles_fit} piles fit along {site.description} "
                f"at {PILE_SPACING_M[0]:g} m from one to the next"
            )
    return num_rows, spacing_m, piles_per_row


def _settle_clusters(options: SceneOptions, draw: _Draw, site: Site, use_clusters: bool) -> int:
    size_m = _cluster_size(options)
    clusters_fit = site.clusters(size_m)
    piles_fit = piles_per_cluster(size_m)
    num_clusters = draw.whole("num_clusters", *CLUSTERS, clusters_fit)
    if use_clusters:
        if clusters_fit == 0:
            raise UsageError(f"--cluster-size {size_m:g}: 0 clusters fit on {site.description}")
        if num_clusters > clusters_fit:
            raise UsageError(
                f"--num-clusters {num_clusters}: {clusters_fit} clusters fit on {site.description} "
                f"at --cluster-size {size_m:g}"
            )
        for field in ("min_piles_per_cluster", "max_piles_per_cluster"):
            requested = getattr(options, field)
            if requested is not None and requested > piles_fit:
                raise UsageError(
                    f"{option_name(field)} {requested}: {piles_fit} piles fit in a cluster at "
                    f"--cluster-size {size_m:g}"
                )
    return num_clusters


def _cluster_size(options: SceneOptions) -> float:
    return USUAL_CLUSTER_M if options.cluster_size is None else options.cluster_size


def _piles_per_cluster(options: SceneOptions) -> tuple[int, int]:
    """Minimum and maximum: as given, else the defaults, clipped to each other and to the number
    that fits a cluster."""
    fewest = options.min_piles_per_cluster
    most = options.max_piles_per_cluster
    if most is None:
        most = max(
            min(USUAL_PILES_PER_CLUSTER[1], piles_per_cluster(_cluster_size(options))), fewest or 0
        )
    return min(USUAL_PILES_PER_CLUSTER[0], most) if fewest is None else fewest, most


def _settle_terraces(options: SceneOptions, draw: _Draw, site: Site) -> tuple[int, float]:
    lowest_m = TERRACE_HEIGHT_M[0] if options.terrace_height is None else options.terrace_height
    terraces_fit = site.terraces(lowest_m)
    num_terraces = draw.whole("num_terraces", *TERRACES, terraces_fit)
    highest_m = site.rise_m() / max(num_terraces - 1, 1)
    height_m = draw.number("terrace_height", *TERRACE_HEIGHT_M, most=highest_m)
    if options.terrace_height is not None and num_terraces > terraces_fit:
        raise UsageError(
            f"--num-terraces {num_terraces}: {terraces_fit} terraces fit on {site.description} "
            f"at --terrace-height {height_m:g}"
        )
    return num_terraces, height_m
