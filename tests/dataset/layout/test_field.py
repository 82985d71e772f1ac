"""Fields of piles in recipe 2: density, direction, roads and distances."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from engine.dataset.layout.field import FieldOptions
from engine.dataset.layout.field_plan import FieldRequest, FieldStyle, pattern_of
from engine.dataset.layout.rows_and_clusters import SiteLayout
from engine.dataset.options import SceneOptions
from engine.dataset.scene.camera import SiteCamera
from engine.errors import UsageError
from tests.dataset.layout.fields import DRONE, LEVEL, lay, pile_positions, seen
from tests.dataset.layout.scenes import nearest_m
from tests.support.long_form import IS_SOAK

SEEDS = range(400 if IS_SOAK else 80)


@cache
def usual(seed: int) -> SiteLayout:
    return lay(seed)


def test_a_picture_shows_as_many_piles_as_real_ones() -> None:
    """Mean 322.7, from 14 to 768."""
    counts = [seen(usual(seed)) for seed in SEEDS]
    assert np.mean(counts) == pytest.approx(322.7, abs=20 if IS_SOAK else 60)
    assert 14 <= min(counts) < 40 and 680 < max(counts) <= 768


def test_the_requested_fraction_of_pictures_has_roads_alone() -> None:
    """A tenth of them by default."""
    for fraction, seeds, within in (
        (0.0, 12, 0.0),
        (0.5, 40, 0.2),
        (1.0, 12, 0.0),
        (None, len(SEEDS), 0.09),
    ):
        layouts = [
            lay(seed, FieldOptions(empty_share=fraction, piles=(14, 20))) for seed in range(seeds)
        ]
        empty = [layout for layout in layouts if not layout.strips]
        assert len(empty) / seeds == pytest.approx(
            0.1 if fraction is None else fraction, abs=within
        )
        assert all(layout.roads_m for layout in empty)


def test_strips_run_over_the_edge_of_the_picture_in_their_direction() -> None:
    over = 0
    for seed in SEEDS:
        for strip in usual(seed).strips:
            pixel = DRONE.pixel_of(np.column_stack([strip.points_m, np.zeros(len(strip.points_m))]))
            inside = ((pixel > 0) & (pixel < (5280, 3956))).all(axis=1)
            over += inside.any() and not inside.all()
            if len(strip.points_m) > 3:
                way = strip.points_m[-1] - strip.points_m[0]
                assert abs(np.sin(np.arctan2(way[1], way[0]) - strip.heading)) < 0.25
    assert over > 5 * len(SEEDS)


def test_no_two_piles_overlap() -> None:
    for seed in range(0, 20, 1 if IS_SOAK else 3):
        layout = lay(
            seed,
            FieldOptions(empty_share=0.0, piles=(300, 700)),
            replace(DRONE, height_m=40.0 + 6 * seed),
        )
        assert nearest_m(pile_positions(layout)) >= 1.0


def test_a_window_of_the_sensor_has_the_density_of_its_place() -> None:
    """Some are dense, some at the edge of a block; each has a pile."""
    window = DRONE.window(1000, 3000, 640, 640)
    layouts = [lay(seed, FieldOptions(empty_share=0.0), window) for seed in SEEDS[:60]]
    counts = np.array([seen(layout, window) for layout in layouts])
    assert counts.min() >= 1
    assert counts.max() > 25 and (counts < 8).mean() > 0.15
    assert max(len(pile_positions(layout)) for layout in layouts) < 1500
    pixels = []
    for layout in layouts:
        points = pile_positions(layout)
        pixel = window.pixel_of(np.column_stack([points, np.zeros(len(points))]))
        pixels.append(pixel[((pixel > 0) & (pixel < 640)).all(axis=1)])
    thirds = np.histogram2d(*np.concatenate(pixels).T, bins=3, range=((0, 640), (0, 640)))[0]
    assert thirds.min() > 0.5 * thirds.mean()


def test_options_of_the_first_recipe_are_honoured_in_any_direction() -> None:
    options = SceneOptions(num_rows=6, piles_per_row=11, row_spacing=3.5)
    layouts = [lay(seed, FieldOptions(), options=options) for seed in range(12)]
    for layout in layouts:
        assert [len(strip.points_m) for strip in layout.strips] == [11] * 6
    assert len({round(float(layout.strips[0].heading), 3) for layout in layouts}) == 12
    clusters = lay(
        2, FieldOptions(), options=SceneOptions(num_clusters=3, min_piles_per_cluster=60)
    )
    assert len({strip.cluster for strip in clusters.strips}) == 3
    assert len(pile_positions(clusters)) >= 180


def test_the_distance_of_rows_and_the_wish_for_clusters_are_honoured() -> None:
    for seed in range(8):
        order = FieldRequest(
            target_count=300, cameras=(DRONE,), terrain=LEVEL, seed=(7, seed), use_clusters=True
        )
        assert pattern_of(order).style is FieldStyle.TABLES
        in_rows = pattern_of(replace(order, row_spacing=4.0, use_clusters=False))
        assert in_rows.style is not FieldStyle.TABLES and in_rows.across_m == 4.0


def test_a_number_that_does_not_fit_is_refused_with_the_one_that_does() -> None:
    low = SiteCamera(width_px=640, height_px=480, height_m=10.0, field_of_view_deg=60.0)
    with pytest.raises(UsageError, match=r"--piles 500: \d+ piles fit in a picture of 100 m2"):
        lay(1, FieldOptions(piles=(500, 600)), low)
    assert seen(lay(1, FieldOptions(piles=(0, 5), empty_share=0.0), low), low) <= 5
    with pytest.raises(UsageError, match="--piles: --num-rows fixes the number of piles already"):
        lay(1, FieldOptions(piles=(5, 9)), options=SceneOptions(num_rows=5))
