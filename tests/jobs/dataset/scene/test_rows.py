from dataclasses import replace

import numpy as np
import pytest

from engine.jobs.dataset.layout.rows_and_clusters import lay_rows
from engine.jobs.dataset.layout.settling import settle
from engine.jobs.dataset.options import SceneOptions
from tests.jobs.dataset.scene.scenes import IN_ROWS, SMALL

CASES = [
    *((IN_ROWS, seed) for seed in range(40)),
    *((replace(SMALL, use_clusters=False), seed) for seed in range(20)),
    (SceneOptions(num_rows=35, row_spacing=3.5, piles_per_row=54), 1),
    (SceneOptions(num_rows=39, piles_per_row=1), 2),
    (SceneOptions(num_rows=1, piles_per_row=2), 3),
    (SceneOptions(terrain_size=20), 4),
]


@pytest.mark.parametrize(("options", "seed"), CASES)
def test_rows_follow_the_rules(options: SceneOptions, seed: int) -> None:
    settled = settle(options, seed)
    layout = lay_rows(settled, seed)
    points = np.array([strip.points_m for strip in layout.strips])
    assert points.shape == (settled.num_rows, settled.piles_per_row, 2)

    between = np.diff(points[:, 0, 1])
    is_road = np.arange(1, settled.num_rows) % 5 == 0
    assert between[~is_road] == pytest.approx(settled.row_spacing)
    roads = between[is_road] - settled.row_spacing
    assert ((roads > 3.999) & (roads < 5.001)).all()
    assert np.ptp(roads) < 1e-9 if len(roads) else True

    along = np.hypot(*np.diff(points, axis=1).transpose(2, 0, 1))
    assert ((along >= 3.6) & (along <= 4.71)).all()

    site = settled.site
    assert (np.abs(points[..., 0]) <= site.width_m / 2 + 1e-6).all()
    assert (np.abs(points[..., 1]) <= site.depth_m / 2 + 1e-6).all()
    assert (np.ptp(points[..., 1], axis=1) <= 2.001).all()


def test_rows_bend_slightly_and_smoothly() -> None:
    bends = []
    for seed in range(40):
        line = lay_rows(settle(IN_ROWS, seed), seed).strips[0].points_m
        bends.append(np.ptp(line[:, 1]))
        headings = np.degrees(np.arctan2(*np.diff(line, axis=0).T[::-1]))
        assert np.abs(np.diff(headings)).max() < 0.5
    assert np.mean(bends) == pytest.approx(1.0, abs=0.3)


def test_fourteen_rows_of_26_are_364_piles() -> None:
    for seed in range(20):
        settled = settle(SceneOptions(use_clusters=False, num_rows=14, piles_per_row=26), seed)
        assert sum(len(strip.points_m) for strip in lay_rows(settled, seed).strips) == 364


def test_each_road_runs_between_rows_that_are_far_apart() -> None:
    settled = settle(SceneOptions(num_rows=13, piles_per_row=30), 5)
    layout = lay_rows(settled, 5)
    piles = np.concatenate([strip.points_m for strip in layout.strips])
    for road in layout.roads_m:
        away = np.hypot(*(road[:, None] - piles[None]).transpose(2, 0, 1))
        assert away.min() > 3.0
