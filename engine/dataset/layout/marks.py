"""Marks on the ground: tracks of crawlers and lorries, footpaths; lines, crosses and dots of
lime."""

import numpy as np

from engine.dataset.layout.habits import MACHINES
from engine.dataset.layout.placer import PiledSite
from engine.dataset.layout.rows_and_clusters import SiteLayout
from engine.dataset.layout.settling import Site
from engine.dataset.scene.description import LimeLine, Track
from engine.dataset.scene.streams import Seed, stream
from engine.dataset.scene.things import Distractor, DistractorKind

WANDER_M = 0.35
OVERSHOT_M = 3.0
MAX_ROUTES = 6
ROUTE_POINTS = 25
TRACK_CLEAR_M = 2.0  # preferred minimum distance from a route's centre line to a pile
LIMED_FRACTION = 0.2
LIME_BESIDE_M = 0.9
VEHICLES = (DistractorKind.CAR, DistractorKind.VAN, DistractorKind.PICKUP, DistractorKind.TRUCK)
CRAWLERS = (DistractorKind.EXCAVATOR, DistractorKind.RIG)
MAX_WANDERING = 5  # tracks and paths across the extent that follow nothing
MAX_SPOTS = 30
# width of a band and distance of the two; so car tyres, a lorry's, a path, which is one band
CRAWLER = (0.7, 1.8)
TYRES = (0.22, 1.5)
LORRY = (0.5, 2.0)
FOOTPATH = (0.45, 0.0)
PATH_POINTS = 30


def lay_lime(layout: SiteLayout, seed: Seed) -> tuple[LimeLine, ...]:
    """Lay lines of lime beside some rows, a little longer than the rows."""
    draw = stream(seed, "lime")
    lines = []
    for strip in layout.strips:
        lime_roll, side, strength, longer = draw.random(4)
        if lime_roll >= LIMED_FRACTION or len(strip.points_m) == 0:
            continue
        axis = strip.axis_m
        forth = np.array([np.cos(strip.heading), np.sin(strip.heading)])
        beside = np.array([-forth[1], forth[0]]) * LIME_BESIDE_M * (1 if side < 0.5 else -1)
        ends = forth * (1 + 2 * longer)
        points = np.concatenate([axis[:1] - ends, axis, axis[-1:] + ends]) + beside
        lines.append(LimeLine(points=_tuples(points), strength=float(0.5 + 0.5 * strength)))
    return tuple(lines)


def driven_path(way: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The path as driven: it wanders a little to both sides and overshoots both ends."""
    first, last = way[0] - way[1], way[-1] - way[-2]
    ends = [
        end + OVERSHOT_M * out / np.hypot(*out) for end, out in ((way[0], first), (way[-1], last))
    ]
    whole = np.concatenate([ends[:1], way, ends[1:]])
    forth = np.gradient(whole, axis=0)
    forth /= np.hypot(forth[:, 0], forth[:, 1])[:, None]
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(whole, axis=0).T))])
    phase = draw.uniform(0, 2 * np.pi)
    wave_m = draw.uniform(25, 60)
    aside = WANDER_M * np.sin(2 * np.pi * length / wave_m + phase)
    return np.asarray(whole + aside[:, None] * np.stack([-forth[:, 1], forth[:, 0]], axis=1))


def route_to(
    to: np.ndarray, ways: np.ndarray, piles: np.ndarray, site: Site, draw: np.random.Generator
) -> np.ndarray:
    """A curve from a path to this point: of several candidates the one farthest from the piles."""
    nearest = np.argsort(np.hypot(*(ways - to).T), kind="stable")[:MAX_ROUTES]
    best: np.ndarray | None = None
    best_room_m = -1.0
    for attempt in range(MAX_ROUTES):
        start = ways[nearest[attempt % len(nearest)]]
        swing = draw.uniform(-0.5, 0.5)
        fraction = draw.uniform(0.3, 0.7)
        forth = to - start
        bow = start + fraction * forth + swing * np.array([-forth[1], forth[0]])
        bow = np.clip(
            bow, [-site.width_m / 2, -site.depth_m / 2], [site.width_m / 2, site.depth_m / 2]
        )
        t = np.linspace(0, 1, ROUTE_POINTS)[:, None]
        route = (1 - t) ** 2 * start + 2 * t * (1 - t) * bow + t * t * to
        away = route[3:, None] - piles[None]
        room_m = float(np.sqrt((away * away).sum(axis=2)).min()) if len(piles) else TRACK_CLEAR_M
        if room_m > best_room_m:
            best = route
            best_room_m = room_m
        if best_room_m >= TRACK_CLEAR_M:
            break
    assert best is not None
    return best


def lay_tracks(site: PiledSite, things: tuple[Distractor, ...]) -> tuple[Track, ...]:
    """Tracks along some of the roads and lanes, to some machines and vehicles, and across the
    extent; often none."""
    draw = stream(site.seed, "varied tracks")
    busy = float(draw.random())
    tracks = []
    for way in site.layout.roads_m:
        driven_roll, depth, kind = draw.random(3).tolist()
        wander = driven_path(way, draw) if len(way) > 1 else way
        if driven_roll < busy and len(way) > 1:
            tracks.append(track_of(wander, 0.3 + 0.7 * depth, CRAWLER if kind < 0.6 else LORRY))
    half_m = min(site.half_m + 4, 300.0)
    square = Site(width_m=2 * half_m, depth_m=2 * half_m)
    standing = site.piles_m
    ways = np.concatenate([*site.layout.roads_m, (draw.random((4, 2)) * 2 - 1) * half_m])
    for thing in things:
        if thing.kind in MACHINES or thing.kind in VEHICLES:
            visit_roll, depth = draw.random(2).tolist()
            route = route_to(np.array([thing.x_m, thing.y_m]), ways, standing, square, draw)
            if visit_roll < 0.75:
                form = CRAWLER if thing.kind in CRAWLERS else TYRES
                form = LORRY if thing.kind is DistractorKind.TRUCK else form
                tracks.append(track_of(route, 0.3 + 0.6 * depth, form))
    many = float(draw.random())
    for _ in range(int(many * many * (MAX_WANDERING + 1))):
        form = (CRAWLER, TYRES, LORRY, FOOTPATH)[int(draw.random() * 4)]
        tracks.append(track_of(_across(half_m, draw), 0.25 + 0.65 * float(draw.random()), form))
    return tuple(tracks)


def strew_lime(site: PiledSite) -> tuple[LimeLine, ...]:
    """Lines of lime along some rows, and in some scenes crosses, dots and strokes where nothing
    stands."""
    draw = stream(site.seed, "varied lime")
    lime_roll, marks_roll, many, size = draw.random(4).tolist()
    lines = list(lay_lime(site.layout, site.seed)) if lime_roll < 0.6 else []
    half_m = min(site.half_m + 2, 200.0)
    if marks_roll > 0.35:
        return tuple(lines)
    count = int(many * MAX_SPOTS * min(half_m / 40, 1.0)) + 1
    at = (draw.random((count, 2)) * 2 - 1) * half_m
    for point, (turn, long_m, strength, kind) in zip(at, draw.random((count, 4)), strict=True):
        forth = np.array([np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)]) * (
            0.2 + 0.3 * long_m
        )
        aside = np.array([-forth[1], forth[0]])
        wide_m = 0.05 + 0.06 * size
        visibility = float(0.4 + 0.6 * strength)
        if kind < 0.4:
            lines += [
                _line(point, forth, wide_m, visibility),
                _line(point, aside, wide_m, visibility),
            ]
        elif kind < 0.75:
            lines.append(_line(point, forth * 0.02, 0.1 + 0.25 * long_m, visibility))
        else:
            lines.append(_line(point, forth * (2 + 6 * long_m), wide_m, visibility))
    return tuple(lines)


def _line(middle: np.ndarray, half: np.ndarray, width_m: float, strength: float) -> LimeLine:
    return LimeLine(
        points=_tuples(np.stack([middle - half, middle + half])),
        width_m=float(width_m),
        strength=strength,
    )


def _across(half_m: float, draw: np.random.Generator) -> np.ndarray:
    heading = float(draw.random() * np.pi)
    forth = np.array([np.cos(heading), np.sin(heading)])
    aside = np.array([-forth[1], forth[0]])
    off, bow, phase = draw.random(3).tolist()
    along = np.linspace(-1.45, 1.45, PATH_POINTS)[:, None] * half_m
    sway = (2 * off - 1) * 0.8 * half_m + bow * 0.35 * half_m * np.sin(
        1.6 * along / half_m + 6.28 * phase
    )
    return np.asarray(along * forth + sway * aside)


def track_of(points: np.ndarray, depth: float, form: tuple[float, float] = CRAWLER) -> Track:
    return Track(points=_tuples(points), width_m=form[0], gauge_m=form[1], depth=float(depth))


def _tuples(points: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)
