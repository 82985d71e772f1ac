import pytest

from engine.jobs.dataset.layout.settling import (
    PILE_SPACING_M,
    ROAD_M,
    ROW_PITCH_M,
    TABLE_PITCH_M,
    piles_per_cluster,
    site_of,
    territory_m,
)


def rows_need_m(rows: int, spacing_m: float) -> float:
    return (rows - 1) * spacing_m + (rows - 1) // 5 * ROAD_M[0]


def test_the_site_is_the_visible_terrain_minus_a_margin() -> None:
    site = site_of(200, 5280, 3956)
    assert (site.width_m, site.depth_m) == (pytest.approx(194), pytest.approx(200 * 3956 / 5280 - 6))
    assert site_of(120, 5280, 3956).depth_m == pytest.approx(114)
    assert site_of(500, 5280, 3956).width_m == pytest.approx(194)


@pytest.mark.parametrize("spacing_m", [2, 2.5, 3, 3.5, 4, 7, 50])
@pytest.mark.parametrize("terrain_m", [20, 60, 100, 120, 200])
def test_as_many_rows_fit_as_there_is_room_for_with_their_roads(spacing_m: float, terrain_m: float) -> None:
    site = site_of(terrain_m, 5280, 3956)
    fit = site.rows(spacing_m)
    assert rows_need_m(fit, spacing_m) <= site.depth_m < rows_need_m(fit + 1, spacing_m)


def test_a_hundred_piles_fit_a_cluster_of_the_usual_size_at_the_widest_spacing() -> None:
    assert piles_per_cluster(30) >= 100


@pytest.mark.parametrize("size_m", [5, 8, 10, 20, 30, 50, 100])
def test_a_cluster_full_of_piles_keeps_within_its_territory(size_m: float) -> None:
    own_m = territory_m(size_m)
    assert own_m < 1.5 * size_m
    most = 0
    for columns in range(1, 60):
        for tables in range(1, 60):
            along_m, across_m = (columns - 1) * PILE_SPACING_M[1], (tables - 1) * TABLE_PITCH_M[0] + ROW_PITCH_M
            if along_m <= own_m and across_m <= own_m:
                most = max(most, 2 * columns * tables)
    assert piles_per_cluster(size_m) == most


def test_clusters_fit_in_columns_and_rows() -> None:
    assert site_of(200, 5280, 3956).cluster_lattice(30) == (4, 3)
    assert site_of(180, 1920, 1080).clusters(30) >= 5
    assert site_of(40, 5280, 3956).clusters(30) == 0
