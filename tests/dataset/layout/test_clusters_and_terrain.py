from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.layout.rows_and_clusters import SiteLayout, lay_clusters, place_centres, spacing_m
from engine.dataset.layout.settling import Settled, piles_per_cluster, settle, site_of, territory_m
from engine.dataset.layout.terrain import make_terrain
from engine.dataset.options import SceneOptions
from engine.dataset.scene.camera import CAMERA_HEIGHT_M
from engine.dataset.scene.streams import stream
from tests.dataset.layout.scenes import CLUSTERED, SMALL, nearest_m, terrain_of

FULL = replace(CLUSTERED, num_clusters=5, min_piles_per_cluster=108, max_piles_per_cluster=108)
CASES = [
    *((CLUSTERED, seed) for seed in range(3)),
    *((replace(SMALL, num_clusters=5), seed) for seed in range(3)),
    *((FULL, seed) for seed in range(2)),
    (replace(CLUSTERED, cluster_size=10, min_piles_per_cluster=1, max_piles_per_cluster=12), 1),
    (replace(CLUSTERED, min_piles_per_cluster=0, max_piles_per_cluster=3), 2),
]
GRID = np.meshgrid(np.linspace(-97, 97, 400), np.linspace(-71, 71, 300))


def laid(options: SceneOptions, seed: int) -> tuple[Settled, SiteLayout]:
    settled = settle(options, seed)
    return settled, lay_clusters(settled, make_terrain(settled, seed), seed)


@pytest.mark.parametrize(("options", "seed"), CASES)
def test_clusters_keep_to_their_territories_and_their_piles_apart(options: SceneOptions, seed: int) -> None:
    settled, layout = laid(options, seed)
    assert nearest_m(np.concatenate([strip.points_m for strip in layout.strips])) >= 3.6 - 1e-9
    centres, own_m = layout.centres_m, territory_m(settled.cluster_size)
    assert len(centres) == settled.num_clusters
    for i, centre in enumerate(centres):
        for other in centres[:i]:
            assert np.abs(centre - other).max() >= 1.5 * settled.cluster_size - 1e-9
        piles = [strip.points_m for strip in layout.strips if strip.cluster == i]
        count = sum(len(points) for points in piles)
        assert settled.min_piles_per_cluster <= count <= settled.max_piles_per_cluster
        if count:
            assert np.abs(np.concatenate(piles) - centre).max() <= own_m / 2 + 1e-9
    half = np.array([settled.site.width_m, settled.site.depth_m]) / 2
    assert (np.abs(centres) + own_m / 2 <= half + 1e-9).all()


@pytest.mark.parametrize(("width", "height", "size_m"), [(5280, 3956, 30), (1920, 1080, 30), (5280, 3956, 12)])
def test_as_many_clusters_as_fit_are_always_placed(width: int, height: int, size_m: float) -> None:
    site = site_of(200, width, height)
    most = site.clusters(size_m)
    for seed in range(4):
        for count in (most, most - 1, most // 2):
            centres = place_centres(site, size_m, count, stream(seed, "test"))
            assert len(centres) == count
            apart = np.abs(centres[:, None] - centres[None]).max(axis=2) + np.eye(count) * 1e6
            assert apart.min() >= 1.5 * size_m - 1e-9
            half = np.array([site.width_m, site.depth_m]) / 2 - territory_m(size_m) / 2
            assert (np.abs(centres) <= half + 1e-9).all()


@pytest.mark.parametrize("size_m", [5, 5.2, 8.3, 30])
def test_clusters_of_maximum_density_keep_the_row_pitch_too(size_m: float) -> None:
    fit = piles_per_cluster(size_m)
    most = replace(CLUSTERED, cluster_size=size_m, min_piles_per_cluster=fit, max_piles_per_cluster=fit)
    settled = settle(most, 0)
    settled = replace(settled, num_clusters=min(settled.site.clusters(size_m), 300))
    layout = lay_clusters(settled, terrain_of(lambda x, y: -0.5 * y), 0)
    piles = np.concatenate([strip.points_m for strip in layout.strips])
    assert len(piles) == fit * settled.num_clusters
    assert nearest_m(piles) >= 3.6 - 1e-9


def test_the_spacing_follows_slope_and_aspect() -> None:
    assert spacing_m(0, 0) == pytest.approx(4.15)
    assert spacing_m(0, 0.5) == pytest.approx(3.6)  # rises to the north
    assert spacing_m(0, -0.5) == pytest.approx(4.7)
    assert spacing_m(0.5, 0) == spacing_m(-0.5, 0) == pytest.approx(4.15)
    by_slope = [spacing_m(0.05, north) for north in np.linspace(-0.4, 0.4, 50)]
    assert (np.diff(by_slope) <= 0).all()
    everywhere = [spacing_m(east, north) for east in np.linspace(-2, 2, 21) for north in np.linspace(-2, 2, 21)]
    assert min(everywhere) >= 3.6 - 1e-9 and max(everywhere) <= 4.7 + 1e-9


def heights(options: SceneOptions, seed: int) -> np.ndarray:
    return make_terrain(settle(options, seed), seed).height_at(*GRID)


@pytest.mark.parametrize("seed", range(2))
def test_the_given_number_of_flat_terraces_rises_across_the_site(seed: int) -> None:
    terraced = heights(SceneOptions(num_terraces=7, terrace_height=2, terrain_size=200), seed)
    rolling = heights(SceneOptions(num_terraces=7, terrace_height=0, terrain_size=200), seed)
    steps = (terraced - rolling) / 2
    steps -= steps.min()
    assert np.ptp(steps) == pytest.approx(6, abs=0.02)
    level = np.round(steps)
    is_flat = np.abs(steps - level) < 0.02
    assert is_flat.mean() > 0.5
    assert all(is_flat[level == terrace].any() for terrace in range(7))


@pytest.mark.parametrize("options", [SceneOptions(), SceneOptions(width=1080, height=1920)])
def test_the_camera_never_sees_the_terrains_edge(options: SceneOptions) -> None:
    for seed in range(3):
        terrain = make_terrain(settle(options, seed), seed)
        lowest = CAMERA_HEIGHT_M - terrain.heights_m.min()
        assert terrain.side_m / 2 > lowest * max(1, options.height / options.width)
