from dataclasses import replace

import numpy as np
import pytest

from engine.jobs.dataset.layout.rows_and_clusters import SiteLayout, lay_clusters, place_centres, spacing_m
from engine.jobs.dataset.layout.settling import Settled, piles_per_cluster, settle, site_of, territory_m
from engine.jobs.dataset.layout.terrain import make_terrain
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.streams import stream
from tests.jobs.dataset.scene.scenes import CLUSTERED, SMALL, nearest_m, terrain_of

FULL = replace(CLUSTERED, num_clusters=5, min_piles_per_cluster=108, max_piles_per_cluster=108)
CASES = [
    *((CLUSTERED, seed) for seed in range(5)),
    *((replace(SMALL, num_clusters=5), seed) for seed in range(5)),
    *((FULL, seed) for seed in range(4)),
    (replace(CLUSTERED, cluster_size=10, min_piles_per_cluster=1, max_piles_per_cluster=12), 1),
    (replace(CLUSTERED, min_piles_per_cluster=0, max_piles_per_cluster=3), 2),
]


def laid(options: SceneOptions, seed: int) -> tuple[Settled, SiteLayout]:
    settled = settle(options, seed)
    return settled, lay_clusters(settled, make_terrain(settled, seed), seed)


@pytest.mark.parametrize(("options", "seed"), CASES)
def test_clusters_keep_to_their_territories_and_those_apart(options: SceneOptions, seed: int) -> None:
    settled, layout = laid(options, seed)
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
    for seed in range(12):
        for count in (most, most - 1, most // 2):
            centres = place_centres(site, size_m, count, stream(seed, "test"))
            assert len(centres) == count
            apart = np.abs(centres[:, None] - centres[None]).max(axis=2) + np.eye(count) * 1e6
            assert apart.min() >= 1.5 * size_m - 1e-9
            half = np.array([site.width_m, site.depth_m]) / 2 - territory_m(size_m) / 2
            assert (np.abs(centres) <= half + 1e-9).all()


def test_clusters_stand_anywhere_and_not_on_a_lattice() -> None:
    site = site_of(200, 5280, 3956)
    pairs = np.array([place_centres(site, 30, 2, stream(seed, "test")) for seed in range(100)])
    apart = np.abs(pairs[:, 0] - pairs[:, 1])
    assert np.mean(((apart > 5) & (apart < 40)).any(axis=1)) > 0.5


@pytest.mark.parametrize(("options", "seed"), CASES)
def test_no_two_piles_stand_nearer_than_the_row_pitch(options: SceneOptions, seed: int) -> None:
    _, layout = laid(options, seed)
    assert nearest_m(np.concatenate([strip.points_m for strip in layout.strips])) >= 3.6 - 1e-9


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


@pytest.mark.parametrize(("options", "seed"), CASES)
def test_tables_have_two_rows_and_face_one_way(options: SceneOptions, seed: int) -> None:
    _, layout = laid(options, seed)
    assert len({strip.heading for strip in layout.strips}) <= 1
    odd = {}
    for strip in layout.strips:
        forth = np.array([np.cos(strip.heading), np.sin(strip.heading)])
        aside = np.array([-forth[1], forth[0]])
        assert abs(strip.heading) <= np.radians(5)
        for column in range(strip.columns[-1] + 1):
            pair = strip.points_m[strip.columns == column]
            if len(pair) == 2:
                across = pair[1] - pair[0]
                assert across @ aside == pytest.approx(3.6) and across @ forth == pytest.approx(0, abs=1e-9)
            else:
                odd[strip.cluster] = odd.get(strip.cluster, 0) + 1
    assert all(count == 1 for count in odd.values())


def test_clusters_are_turned_a_little_however_full_they_are() -> None:
    turned = [abs(laid(CLUSTERED, seed)[1].strips[0].heading) for seed in range(40)]
    assert np.mean(np.array(turned) > 0) > 0.9
    assert np.degrees(max(turned)) > 3


def test_rows_of_one_table_and_of_two_neighbours_are_3_6_m_apart_or_a_little_more() -> None:
    pitches = []
    for seed in range(8):
        _, layout = laid(CLUSTERED, seed)
        aside = np.array([-np.sin(layout.strips[0].heading), np.cos(layout.strips[0].heading)])
        for one, other in zip(layout.strips, layout.strips[1:], strict=False):
            if one.cluster == other.cluster:
                aisle_m = (other.points_m @ aside).min() - (one.points_m @ aside).max()
                assert 3.6 - 1e-9 <= aisle_m <= 4.4
                pitches.append(aisle_m)
    assert np.ptp(pitches) > 0.3


def test_the_spacing_follows_slope_and_aspect() -> None:
    assert spacing_m(0, 0) == pytest.approx(4.15)
    assert spacing_m(0, 0.5) == pytest.approx(3.6)  # rises to the north
    assert spacing_m(0, -0.5) == pytest.approx(4.7)
    assert spacing_m(0.5, 0) == spacing_m(-0.5, 0) == pytest.approx(4.15)
    by_slope = [spacing_m(0.05, north) for north in np.linspace(-0.4, 0.4, 50)]
    assert (np.diff(by_slope) <= 0).all()
    everywhere = [spacing_m(east, north) for east in np.linspace(-2, 2, 21) for north in np.linspace(-2, 2, 21)]
    assert min(everywhere) >= 3.6 - 1e-9 and max(everywhere) <= 4.7 + 1e-9


@pytest.mark.parametrize(("rise", "expected_m"), [(0.0, 4.15), (0.4, 3.6), (-0.4, 4.7)])
def test_piles_along_a_table_stand_at_the_spacing_of_its_ground(rise: float, expected_m: float) -> None:
    settled = settle(replace(CLUSTERED, num_clusters=2), 3)
    layout = lay_clusters(settled, terrain_of(lambda x, y: rise * y), 3)
    for strip in layout.strips:
        assert np.hypot(*np.diff(strip.axis_m, axis=0).T) == pytest.approx(expected_m, abs=1e-3)


@pytest.mark.parametrize("piles", [44, 45])
def test_one_cluster_of_exactly_so_many_piles(piles: int) -> None:
    exactly = replace(CLUSTERED, num_clusters=1, min_piles_per_cluster=piles, max_piles_per_cluster=piles)
    exactly = replace(exactly, width=1920, height=1080)
    for seed in range(8):
        _, layout = laid(exactly, seed)
        assert sum(len(strip.points_m) for strip in layout.strips) == piles


def test_clusters_hold_any_number_between_minimum_and_maximum() -> None:
    counts = []
    terrain = terrain_of(lambda x, y: 0.0)
    for seed in range(60):
        settled = settle(replace(CLUSTERED, num_clusters=5), seed)
        sizes = np.zeros(5, int)
        for strip in lay_clusters(settled, terrain, seed).strips:
            sizes[strip.cluster] += len(strip.points_m)
        counts += sizes.tolist()
    assert min(counts) == 50 and max(counts) == 100
    assert np.mean(counts) == pytest.approx(75, abs=2.5)
