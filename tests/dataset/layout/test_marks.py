import numpy as np

from engine.dataset.layout.habits import MACHINES
from engine.dataset.layout.marks import lay_tracks, strew_lime
from engine.dataset.layout.placer import PiledSite
from engine.dataset.layout.rows_and_clusters import SiteLayout
from engine.dataset.layout.sight import Extent
from engine.dataset.scene.description import Track
from tests.dataset.layout.yards import ROAD, lattice, rolling, scattered

PILES = lattice(6, 6)
SEEDS = range(24)
BARE = SiteLayout(strips=(), roads_m=(), centres_m=np.empty((0, 2)))
WITH_ROADS = SiteLayout(strips=(), roads_m=(ROAD, ROAD + 8), centres_m=np.empty((0, 2)))


def site(seed: int, layout: SiteLayout, half_m: float) -> PiledSite:
    extent = Extent(corners_m=(np.array([(-1, 1), (1, 1), (1, -1), (-1, -1)]) * half_m,))
    return PiledSite(terrain=rolling(), layout=layout, piles=PILES, extent=extent, seed=(seed, 0))


def tracks(seed: int, layout: SiteLayout = WITH_ROADS, half_m: float = 15.0) -> tuple[Track, ...]:
    return lay_tracks(site(seed, layout, half_m), scattered(seed, PILES, half_m))


def test_some_scenes_have_no_track_and_others_many_of_all_kinds() -> None:
    found = [tracks(seed) for seed in SEEDS]
    numbers = list(map(len, found))
    assert min(numbers) == 0 and max(numbers) >= 5 and len(set(numbers)) >= 4
    forms = {(track.width_m, track.gauge_m) for each in found for track in each}
    assert {(0.7, 1.8), (0.22, 1.5), (0.5, 2.0), (0.45, 0.0)} <= forms  # crawlers, tyres, lorries, footpaths


def test_most_machines_were_driven_to_their_place() -> None:
    reached = []
    for seed in SEEDS:
        things = scattered(seed, PILES, 25.0)
        ends = np.array([track.points[-1] for track in tracks(seed, half_m=25.0)]).reshape(-1, 2)
        for machine in things:
            if machine.kind in MACHINES:
                away = np.hypot(*(ends - (machine.x_m, machine.y_m)).T)
                reached.append(bool((away < 1e-9).any()))
    assert len(reached) > 20
    assert 0.5 < np.mean(reached) < 0.95


def test_some_scenes_have_crosses_dots_and_strokes_of_lime() -> None:
    marks = [strew_lime(site(seed, BARE, 25.0)) for seed in SEEDS]
    assert 0.3 < np.mean([not lines for lines in marks]) < 0.9
    sizes = [float(np.hypot(*np.subtract(*line.points))) for lines in marks for line in lines]
    assert min(sizes) < 0.05 < 0.4 < np.median(sizes) < max(sizes) < 10
    small = (strew_lime(site(seed, BARE, 6.0)) for seed in SEEDS)
    points = np.array([point for lines in small for line in lines for point in line.points])
    assert len(points) > 20 and np.abs(points).max() < 15
    assert np.mean(np.abs(points).max(axis=1) < 8) > 0.8  # within the picture
