"""Marks on the ground of recipe 2: tracks of crawlers and lorries, footpaths; lines, crosses and dots of lime."""

import numpy as np

from engine.jobs.dataset.scene.description import LimeLine, Track
from engine.jobs.dataset.scene.layout import SiteLayout
from engine.jobs.dataset.scene.marks import driven_path, lay_lime, route_to
from engine.jobs.dataset.scene.site import Site
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.things import Distractor, DistractorKind, Pile
from engine.jobs.dataset.varied.extent import Extent
from engine.jobs.dataset.varied.habits import MACHINES

VEHICLES = (DistractorKind.CAR, DistractorKind.VAN, DistractorKind.PICKUP, DistractorKind.TRUCK)
CRAWLERS = (DistractorKind.EXCAVATOR, DistractorKind.RIG)
MAX_WANDERING = 5
"""Tracks and paths across the extent that follow nothing."""
MAX_SPOTS = 30
CRAWLER = (0.7, 1.8)
"""Width of a band and distance of the two. The same for a car's tyres, a lorry's, and a footpath, which is one band."""
TYRES = (0.22, 1.5)
LORRY = (0.5, 2.0)
FOOTPATH = (0.45, 0.0)
PATH_POINTS = 30


def lay_varied_tracks(
    layout: SiteLayout, extent: Extent, piles: tuple[Pile, ...], things: tuple[Distractor, ...], seed: Seed
) -> tuple[Track, ...]:
    """Tracks along some of the roads and lanes, to some machines and vehicles, and across the extent; often none."""
    draw = stream(seed, "varied tracks")
    busy = float(draw.random())
    tracks = []
    for way in layout.roads_m:
        is_driven, depth, kind = draw.random(3).tolist()
        wander = driven_path(way, draw) if len(way) > 1 else way
        if is_driven < busy and len(way) > 1:
            tracks.append(_track(wander, 0.3 + 0.7 * depth, CRAWLER if kind < 0.6 else LORRY))
    half_m = min(extent.half_m + 4, 300.0)
    square = Site(width_m=2 * half_m, depth_m=2 * half_m)
    standing = np.array([(pile.x_m, pile.y_m) for pile in piles]).reshape(-1, 2)
    ways = np.concatenate([*layout.roads_m, (draw.random((4, 2)) * 2 - 1) * half_m])
    for thing in things:
        if thing.kind in MACHINES or thing.kind in VEHICLES:
            is_seen, depth = draw.random(2).tolist()
            route = route_to(np.array([thing.x_m, thing.y_m]), ways, standing, square, draw)
            if is_seen < 0.75:
                form = CRAWLER if thing.kind in CRAWLERS else TYRES
                form = LORRY if thing.kind is DistractorKind.TRUCK else form
                tracks.append(_track(route, 0.3 + 0.6 * depth, form))
    many = float(draw.random())
    for _ in range(int(many * many * (MAX_WANDERING + 1))):
        form = (CRAWLER, TYRES, LORRY, FOOTPATH)[int(draw.random() * 4)]
        tracks.append(_track(_across(half_m, draw), 0.25 + 0.65 * float(draw.random()), form))
    return tuple(tracks)


def lay_varied_lime(layout: SiteLayout, extent: Extent, seed: Seed) -> tuple[LimeLine, ...]:
    """Lines of lime along some rows, and in some scenes crosses, dots and strokes where nothing stands."""
    draw = stream(seed, "varied lime")
    is_limed, is_marked, many, size = draw.random(4).tolist()
    lines = list(lay_lime(layout, seed)) if is_limed < 0.6 else []
    half_m = min(extent.half_m + 2, 200.0)
    if is_marked > 0.35:
        return tuple(lines)
    count = int(many * MAX_SPOTS * min(half_m / 40, 1.0)) + 1
    at = (draw.random((count, 2)) * 2 - 1) * half_m
    for place, (turn, long_m, strength, kind) in zip(at, draw.random((count, 4)), strict=True):
        forth = np.array([np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)]) * (0.2 + 0.3 * long_m)
        aside = np.array([-forth[1], forth[0]])
        wide_m = 0.05 + 0.06 * size
        shown = float(0.4 + 0.6 * strength)
        if kind < 0.4:
            lines += [_line(place, forth, wide_m, shown), _line(place, aside, wide_m, shown)]
        elif kind < 0.75:
            lines.append(_line(place, forth * 0.02, 0.1 + 0.25 * long_m, shown))
        else:
            lines.append(_line(place, forth * (2 + 6 * long_m), wide_m, shown))
    return tuple(lines)


def _line(middle: np.ndarray, half: np.ndarray, width_m: float, strength: float) -> LimeLine:
    return LimeLine(points=_tuples(np.stack([middle - half, middle + half])), width_m=float(width_m), strength=strength)


def _across(half_m: float, draw: np.random.Generator) -> np.ndarray:
    """A curve through the extent."""
    heading = float(draw.random() * np.pi)
    forth = np.array([np.cos(heading), np.sin(heading)])
    aside = np.array([-forth[1], forth[0]])
    off, bow, phase = draw.random(3).tolist()
    along = np.linspace(-1.45, 1.45, PATH_POINTS)[:, None] * half_m
    sway = (2 * off - 1) * 0.8 * half_m + bow * 0.35 * half_m * np.sin(1.6 * along / half_m + 6.28 * phase)
    path: np.ndarray = along * forth + sway * aside
    return path


def _track(points: np.ndarray, depth: float, form: tuple[float, float]) -> Track:
    return Track(points=_tuples(points), width_m=form[0], gauge_m=form[1], depth=float(depth))


def _tuples(points: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)
