"""Recipe 1: scenes of one camera, with the piles, distractors and marks of earlier versions, byte
for byte. A table's plane follows the ground under its piles (least squares); a line is cut where
posts would differ too much."""

import math
from typing import Any

import numpy as np

from engine.dataset.layout.habits import HABITS
from engine.dataset.layout.marks import driven_path, lay_lime, route_to, track_of
from engine.dataset.layout.pile_blocks import ALIASES, kind_weights
from engine.dataset.layout.placer import Clearance, require_all
from engine.dataset.layout.rows_and_clusters import SiteLayout, lay_clusters, lay_rows
from engine.dataset.layout.settling import Settled, Site, settle
from engine.dataset.layout.terrain import make_terrain, off_plane_m
from engine.dataset.options import Preset, SceneOptions
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import GroundLook, SiteScene, Sun, Terrain, Track
from engine.dataset.scene.streams import Seed, stream
from engine.dataset.scene.things import Distractor, DistractorKind, Pile, PileKind

EXPOSED_M = (0.3, 1.0)
# greatest deviation of a top from the table's plane: tops are within 30 mm; 40 are allowed
TOP_M = 0.015
MAX_COLUMNS = 10
UNEVEN_M = EXPOSED_M[1] - EXPOSED_M[0] - 2 * TOP_M
JITTER_M = 0.005
TILT = 0.005  # maximum, radians
KIND_WEIGHTS = (("phc", 0.4), ("screw", 0.3), ("cast", 0.3))
KINDS = tuple(ALIASES[name] for name, _ in KIND_WEIGHTS)
DIAMETERS_M = {
    PileKind.PHC: (0.3, 0.4, 0.5),
    PileKind.SPIRAL_STEEL: (0.076, 0.089, 0.114, 0.159),
    PileKind.CAST_IN_PLACE: (0.3,),
}
FLANGE_M = 0.22
HOOPED_FRACTION = 0.8
CRACKED_FRACTION = 0.2
RUST_WEIGHTS = (0.5, 0.3, 0.15, 0.05)
# determines a pile's box: 32 to 40 px in a picture 5280 px wide; real ones are 35 x 38 px
BASE_M = (1.22, 1.5)
BASE_HIGH_M = (0.06, 0.2)
# from the largest
MACHINES = (DistractorKind.EXCAVATOR, DistractorKind.LOADER, DistractorKind.ROLLER)
LOOSE = (DistractorKind.DEBRIS, DistractorKind.REBAR)
FOOTPRINT_M = {kind: HABITS[kind].footprint_m for kind in (DistractorKind.BAG, *MACHINES, *LOOSE)}
"""Bounding radius at scale 1, for any rotation."""
FROM_PILE_M = 1.0  # minimum distance between a footprint and the axis of a pile
APART_M = 0.3  # minimum distance between two footprints
MACHINE_WEIGHTS = (0.5, 0.25, 0.25)
DEBRIS_PIECES = (10, 40)
REBAR_BUNDLES = (2, 8)
LEVEL_SLOPE = 0.3  # rise per metre above which ground is used only when no flatter ground is left
SCALES = (0.85, 1.0)
DRIVEN_FRACTION = (
    0.7  # share of the roads and of the lanes between rows that have tracks; the first always does
)
LOESS = np.array([(0.42, 0.30, 0.16), (0.50, 0.38, 0.22), (0.15, 0.17, 0.05)])
"""Soil, subsoil, grass: yellow-brown silt, lighter where it is cut."""
# weathered red earth, more grass
HILLS = np.array([(0.26, 0.125, 0.065), (0.36, 0.175, 0.09), (0.08, 0.13, 0.03)])
GRASS_LOESS = (0.08, 0.28)
GRASS_HILLS = (0.30, 0.55)


def cut_tables(points_m: np.ndarray, ground_m: np.ndarray, columns: np.ndarray) -> list[slice]:
    """Cut the line, (n, 2), (n,) and (n,) sorted by column, into even runs in order; single piles
    only if need be."""
    count = int(columns[-1]) + 1
    starts = np.searchsorted(columns, np.arange(count + 1)).tolist()
    longest = math.ceil(count / math.ceil(count / MAX_COLUMNS))
    for fewest in (2, 1):
        hopeless: set[int] = set()

        def rest(
            first: int, fewest: int = fewest, hopeless: set[int] = hopeless
        ) -> list[slice] | None:
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


def expose_m(off_m: np.ndarray, level: float, misses_m: np.ndarray) -> np.ndarray:
    """Heights of tops above ground, (n,): in one plane, `level` (0..1) high, plus `misses_m`.
    `off_m`: off_plane_m."""
    low = EXPOSED_M[0] + TOP_M + off_m.max()
    high = EXPOSED_M[1] - TOP_M + off_m.min()
    exposed_m: np.ndarray = low + (high - low) * level - off_m + misses_m
    return exposed_m


def plant(
    layout: SiteLayout, terrain: Terrain, preset: Preset | None, seed: Seed
) -> tuple[Pile, ...]:
    """Place all piles of the layout, strip by strip; tables are numbered from 0."""
    strips = [strip for strip in layout.strips if len(strip.points_m)]
    if not strips:
        return ()
    count = sum(len(strip.points_m) for strip in strips)
    jitter = stream(seed, "piles jitter").uniform(-JITTER_M, JITTER_M, (count, 2))
    points = np.concatenate([strip.points_m for strip in strips]) + jitter
    ground_m = terrain.height_at(points[:, 0], points[:, 1])
    tables: list[slice] = []
    first = 0
    for strip in strips:
        own = slice(first, first + len(strip.points_m))
        cut = cut_tables(points[own], ground_m[own], strip.columns)
        tables += [slice(first + table.start, first + table.stop) for table in cut]
        first = own.stop
    misses = stream(seed, "piles tops").uniform(-TOP_M, TOP_M, count)
    levels = stream(seed, "piles exposed").random(len(tables))
    exposed = np.concatenate(
        [
            expose_m(off_plane_m(points[table], ground_m[table]), level, misses[table])
            for table, level in zip(tables, levels, strict=True)
        ]
    )
    probabilities = [probability for _, probability in kind_weights(preset, KIND_WEIGHTS)]
    kinds = stream(seed, "piles kinds").choice(len(KINDS), len(tables), p=probabilities)
    sizes = stream(seed, "piles sizes").random(len(tables))
    hooped = stream(seed, "piles hoop").random(count) < HOOPED_FRACTION
    cracked = stream(seed, "piles crack").random(count) < CRACKED_FRACTION
    rust = stream(seed, "piles rust").choice(len(RUST_WEIGHTS), count, p=RUST_WEIGHTS)
    look = _looks(seed, count)
    piles = []
    for number, table in enumerate(tables):
        kind = KINDS[kinds[number]]
        diameters = DIAMETERS_M[kind]
        diameter_m = diameters[int(sizes[number] * len(diameters))]
        is_steel = kind is PileKind.SPIRAL_STEEL
        is_phc = kind is PileKind.PHC
        for i in range(table.start, table.stop):
            own_look: dict[str, Any] = {name: float(values[i]) for name, values in look.items()}
            piles.append(
                Pile(
                    kind=kind,
                    x_m=float(points[i, 0]),
                    y_m=float(points[i, 1]),
                    ground_m=float(ground_m[i]),
                    exposed_m=float(exposed[i]),
                    diameter_m=diameter_m,
                    flange_diameter_m=FLANGE_M if is_steel else 0.0,
                    has_hoop=is_phc and bool(hooped[i]),
                    is_cracked=is_phc and bool(cracked[i]),
                    rust=int(rust[i]) if is_steel else 0,
                    table=number,
                    **own_look,
                )
            )
    return tuple(piles)


def _looks(seed: Seed, count: int) -> dict[str, np.ndarray]:
    def draw(part: str) -> np.random.Generator:
        return stream(seed, f"piles {part}")

    tilt = draw("tilt")
    lean = TILT * np.sqrt(tilt.random(count))
    towards = tilt.uniform(0, 2 * np.pi, count)
    return {
        "base_diameter_m": draw("base").uniform(*BASE_M, count),
        "base_height_m": draw("base high").uniform(*BASE_HIGH_M, count),
        "tilt_x": lean * np.cos(towards),
        "tilt_y": lean * np.sin(towards),
        "turn": draw("turn").uniform(0, 2 * np.pi, count),
        "shade": draw("shade").uniform(0.85, 1.1, count),
    }


def place_distractors(
    settled: Settled, terrain: Terrain, piles: tuple[Pile, ...], seed: Seed
) -> tuple[Distractor, ...]:
    """Place machines, bags and debris. UsageError if there is no room for the requested machines or
    bags."""
    clearance = Clearance(settled.site, stream(seed, "distractors places"))
    if piles:
        clearance.take(np.array([(pile.x_m, pile.y_m) for pile in piles]), FROM_PILE_M)
    placer = _Placer(clearance, terrain, seed)
    kinds = stream(seed, "distractors machines").choice(
        len(MACHINES), settled.num_machinery, p=MACHINE_WEIGHTS
    )
    machines: list[Distractor] = []
    for kind in kinds:
        # Fall back to a smaller machine where a larger one does not fit; crowded sites have rollers
        # on their roads.
        added = next(
            (found for smaller in MACHINES[kind:] if (found := placer.fill(smaller, 1))), []
        )
        machines += added
        if not added:
            break
    if settled.must_machinery_fit:
        require_all("--num-machinery", "machines", settled.num_machinery, len(machines))
    draw = stream(seed, "distractors counts")
    bundles, pieces = (
        int(draw.integers(low, high + 1)) for low, high in (REBAR_BUNDLES, DEBRIS_PIECES)
    )
    rebar = placer.fill(DistractorKind.REBAR, bundles)
    bags = placer.fill(DistractorKind.BAG, settled.num_bags)
    if settled.must_bags_fit:
        require_all("--num-bags", "bags", settled.num_bags, len(bags))
    return (*machines, *rebar, *bags, *placer.fill(DistractorKind.DEBRIS, pieces))


class _Placer:
    """Tries every position in a random order per kind, level ground first."""

    def __init__(self, clearance: Clearance, terrain: Terrain, seed: Seed) -> None:
        self._clearance = clearance
        self._terrain = terrain
        self._seed = seed
        east, north = terrain.slope_at(clearance.points_m[:, 0], clearance.points_m[:, 1])
        self._east = east
        self._north = north
        self._is_steep = np.hypot(self._east, self._north) > LEVEL_SLOPE
        self._draws: dict[DistractorKind, np.random.Generator] = {}
        self._orders: dict[DistractorKind, np.ndarray] = {}

    def fill(self, kind: DistractorKind, count: int) -> list[Distractor]:
        if kind not in self._draws:
            self._draws[kind] = stream(self._seed, f"distractors {kind.value}")
            order = self._draws[kind].permutation(len(self._is_steep))
            self._orders[kind] = order[np.argsort(self._is_steep[order], kind="stable")]
        draw = self._draws[kind]
        order = self._orders[kind]
        order = order[self._clearance.room_m[order] >= FOOTPRINT_M[kind]]
        things: list[Distractor] = []
        attempts = 0
        for point in order:
            if len(things) == count:
                break
            attempts += 1
            if self._clearance.room_m[point] >= FOOTPRINT_M[kind]:
                things.append(self._stand(kind, point, draw))
                self._clearance.take(
                    self._clearance.points_m[point][None], FOOTPRINT_M[kind] + APART_M
                )
        self._orders[kind] = order[attempts:]  # skipped positions stay occupied
        return things

    def _stand(self, kind: DistractorKind, point: int, draw: np.random.Generator) -> Distractor:
        x, y = self._clearance.points_m[point]
        turn, scale, shade = draw.random(3)
        return Distractor(
            kind=kind,
            x_m=float(x),
            y_m=float(y),
            ground_m=float(self._terrain.height_at(x, y)),
            turn=float(turn * 2 * np.pi),
            slope_x=float(self._east[point]),
            slope_y=float(self._north[point]),
            scale=float(SCALES[0] + (SCALES[1] - SCALES[0]) * scale),
            shape_seed=int(draw.integers(2**32)),
            shade=float(0.85 + 0.25 * shade),
        )


def describe_recipe_1(options: SceneOptions, seed: int) -> SiteScene:
    """Build the scene, identical on every machine. UsageError, with the number that fits, if
    something does not fit."""
    settled = settle(options, seed)
    terrain = make_terrain(settled, seed)
    layout = (
        lay_clusters(settled, terrain, seed) if settled.use_clusters else lay_rows(settled, seed)
    )
    piles = plant(layout, terrain, settled.geological_preset, seed)
    distractors = place_distractors(settled, terrain, piles, seed)
    return SiteScene(
        seed=seed,
        camera=SiteCamera(width_px=settled.width, height_px=settled.height),
        sun=Sun(
            elevation_deg=settled.sun_elevation,
            azimuth_deg=settled.sun_azimuth,
            energy=settled.sun_energy,
        ),
        terrain=terrain,
        ground=ground_look(settled.geological_preset, seed),
        piles=piles,
        distractors=distractors,
        tracks=lay_tracks_of_recipe_1(layout, settled.site, piles, distractors, seed),
        lime_lines=lay_lime(layout, seed),
    )


def lay_tracks_of_recipe_1(
    layout: SiteLayout,
    site: Site,
    piles: tuple[Pile, ...],
    distractors: tuple[Distractor, ...],
    seed: Seed,
) -> tuple[Track, ...]:
    """Lay tracks along roads and between tables, and from the nearest of these to each machine."""
    draw = stream(seed, "tracks ways")
    tracks = []
    for number, way in enumerate(layout.roads_m):
        is_driven = draw.random() < DRIVEN_FRACTION
        depth = draw.uniform(0.5, 1.0)
        wander = driven_path(way, draw)
        if is_driven or number == 0:
            tracks.append(track_of(wander, depth))
    draw = stream(seed, "tracks machines")
    standing = np.array([(pile.x_m, pile.y_m) for pile in piles]).reshape(-1, 2)
    ways = np.concatenate(layout.roads_m) if layout.roads_m else np.zeros((1, 2))
    for machine in distractors:
        if machine.kind in MACHINES:
            tracks.append(
                track_of(
                    route_to(np.array([machine.x_m, machine.y_m]), ways, standing, site, draw),
                    draw.uniform(0.6, 1.0),
                )
            )
    return tuple(tracks)


def ground_look(preset: Preset | None, seed: Seed) -> GroundLook:
    """Colours of loess or of hills, or a random mix of both without a preset."""
    draw = stream(seed, "ground")
    mix, light, grass_roll = draw.random(3)
    towards_hills = {"loess": 0.0, "hills": 1.0}.get(preset or "", mix)
    colors = (LOESS + (HILLS - LOESS) * towards_hills) * (0.9 + 0.2 * light)
    low, high = (
        np.array(GRASS_LOESS) + (np.array(GRASS_HILLS) - np.array(GRASS_LOESS)) * towards_hills
    )
    soil, subsoil, grass = ((float(red), float(green), float(blue)) for red, green, blue in colors)
    return GroundLook(
        soil=soil,
        subsoil=subsoil,
        grass=grass,
        grass_share=float(low + (high - low) * grass_roll),
        noise_seed=int(draw.integers(2**32)),
    )
