"""Marks on the ground: tracks of crawlers, and lines of lime along planned rows."""

import numpy as np

from engine.jobs.dataset.scene.description import LimeLine, Track
from engine.jobs.dataset.scene.distractors import MACHINES
from engine.jobs.dataset.scene.layout import SiteLayout
from engine.jobs.dataset.scene.site import Site
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.things import Distractor, Pile

DRIVEN_SHARE = 0.7
"""Share of the roads and of the lanes between rows that have tracks; the first always does."""
WANDER_M = 0.35
OVERSHOT_M = 3.0
ROUTES_TRIED = 6
ROUTE_POINTS = 25
TRACK_CLEAR_M = 2.0
"""Preferred minimum distance from a route's centre line to a pile."""
LIMED_SHARE = 0.2
LIME_BESIDE_M = 0.9


def lay_tracks(
    layout: SiteLayout, site: Site, piles: tuple[Pile, ...], distractors: tuple[Distractor, ...], seed: Seed
) -> tuple[Track, ...]:
    """Lay tracks along roads and between tables, and from the nearest of these to each machine."""
    draw = stream(seed, "tracks ways")
    tracks = []
    for number, way in enumerate(layout.roads_m):
        is_driven, depth = draw.random() < DRIVEN_SHARE, draw.uniform(0.5, 1.0)
        wander = driven_path(way, draw)
        if is_driven or number == 0:
            tracks.append(_track(wander, depth))
    draw = stream(seed, "tracks machines")
    standing = np.array([(pile.x_m, pile.y_m) for pile in piles]).reshape(-1, 2)
    ways = np.concatenate(layout.roads_m) if layout.roads_m else np.zeros((1, 2))
    for machine in distractors:
        if machine.kind in MACHINES:
            tracks.append(
                _track(
                    route_to(np.array([machine.x_m, machine.y_m]), ways, standing, site, draw), draw.uniform(0.6, 1.0)
                )
            )
    return tuple(tracks)


def lay_lime(layout: SiteLayout, seed: Seed) -> tuple[LimeLine, ...]:
    """Lay lines of lime beside some rows, a little longer than the rows."""
    draw = stream(seed, "lime")
    lines = []
    for strip in layout.strips:
        is_limed, side, strength, longer = draw.random(4)
        if is_limed >= LIMED_SHARE or len(strip.points_m) == 0:
            continue
        axis = strip.axis_m
        forth = np.array([np.cos(strip.heading), np.sin(strip.heading)])
        beside = np.array([-forth[1], forth[0]]) * LIME_BESIDE_M * (1 if side < 0.5 else -1)
        ends = forth * (1 + 2 * longer)
        points = np.concatenate([axis[:1] - ends, axis, axis[-1:] + ends]) + beside
        lines.append(LimeLine(points=_as_tuples(points), strength=float(0.5 + 0.5 * strength)))
    return tuple(lines)


def driven_path(way: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The path as driven: it wanders a little to both sides and overshoots both ends."""
    first, last = way[0] - way[1], way[-1] - way[-2]
    ends = [end + OVERSHOT_M * out / np.hypot(*out) for end, out in ((way[0], first), (way[-1], last))]
    whole = np.concatenate([ends[:1], way, ends[1:]])
    forth = np.gradient(whole, axis=0)
    forth /= np.hypot(forth[:, 0], forth[:, 1])[:, None]
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(whole, axis=0).T))])
    phase, wave_m = draw.uniform(0, 2 * np.pi), draw.uniform(25, 60)
    aside = WANDER_M * np.sin(2 * np.pi * length / wave_m + phase)
    driven: np.ndarray = whole + aside[:, None] * np.stack([-forth[:, 1], forth[:, 0]], axis=1)
    return driven


def route_to(to: np.ndarray, ways: np.ndarray, piles: np.ndarray, site: Site, draw: np.random.Generator) -> np.ndarray:
    """A curve from a path to this point: of several candidates the one farthest from the piles."""
    nearest = np.argsort(np.hypot(*(ways - to).T), kind="stable")[:ROUTES_TRIED]
    best: np.ndarray | None = None
    best_room_m = -1.0
    for tried in range(ROUTES_TRIED):
        start = ways[nearest[tried % len(nearest)]]
        swing, share = draw.uniform(-0.5, 0.5), draw.uniform(0.3, 0.7)
        forth = to - start
        bow = start + share * forth + swing * np.array([-forth[1], forth[0]])
        bow = np.clip(bow, [-site.width_m / 2, -site.depth_m / 2], [site.width_m / 2, site.depth_m / 2])
        t = np.linspace(0, 1, ROUTE_POINTS)[:, None]
        route = (1 - t) ** 2 * start + 2 * t * (1 - t) * bow + t * t * to
        away = route[3:, None] - piles[None]
        room_m = float(np.sqrt((away * away).sum(axis=2)).min()) if len(piles) else TRACK_CLEAR_M
        if room_m > best_room_m:
            best, best_room_m = route, room_m
        if best_room_m >= TRACK_CLEAR_M:
            break
    assert best is not None
    return best


def _track(points: np.ndarray, depth: float) -> Track:
    return Track(points=_as_tuples(points), depth=float(depth))


def _as_tuples(points: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)
