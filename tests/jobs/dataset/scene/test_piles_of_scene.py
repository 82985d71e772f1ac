from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from engine.jobs.dataset.layout.recipe_1 import KINDS, kind_shares, plant
from engine.jobs.dataset.layout.rows_and_clusters import SiteLayout, Strip, lay_clusters, lay_rows
from engine.jobs.dataset.layout.settling import settle
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.things import Pile, PileKind
from tests.jobs.dataset.scene.scenes import CLUSTERED, IN_ROWS, SMALL, nearest_m, plan, scenes, tables, terrain_of

BOTH = [CLUSTERED, IN_ROWS]
FLAT = terrain_of(lambda x, y: 0.0, cell_m=4.0)


@cache
def many(preset: str | None = None) -> tuple[Pile, ...]:
    """2500 tables of two piles, enough to measure shares."""
    strip = [
        Strip(
            points_m=np.array([[0.0, y], [4.0, y]]),
            columns=np.arange(2),
            heading=0.0,
            axis_m=np.array([[0.0, y], [4.0, y]]),
        )
        for y in np.linspace(-90, 90, 2500)
    ]
    return plant(SiteLayout(strips=tuple(strip), roads_m=(), centres_m=np.empty((0, 2))), FLAT, preset, 11)


def share(piles: list[Pile], wanted) -> float:
    return sum(map(wanted, piles)) / len(piles)


def of(kind: PileKind, preset: str | None = None) -> list[Pile]:
    return [pile for pile in many(preset) if pile.kind is kind]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [(None, (0.4, 0.3, 0.3)), ("loess", (0.4 * 3 / 7, 0.7, 0.3 * 3 / 7)), ("hills", (0.6, 0.2, 0.2))],
)
def test_kinds_of_piles_have_their_proportions(preset: str | None, expected: tuple[float, ...]) -> None:
    assert kind_shares(preset) == pytest.approx(expected)
    kinds = Counter(pile.kind for pile in many(preset))
    assert [kinds[kind] / 5000 for kind in KINDS] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    ("kind", "diameters"),
    [
        (PileKind.PHC, {0.3, 0.4, 0.5}),
        (PileKind.SPIRAL_STEEL, {0.076, 0.089, 0.114, 0.159}),
        (PileKind.CAST_IN_PLACE, {0.3}),
    ],
)
def test_each_size_of_a_kind_is_equally_frequent(kind: PileKind, diameters: set[float]) -> None:
    counts = Counter(pile.diameter_m for pile in of(kind))
    assert set(counts) == diameters
    assert min(counts.values()) > 0.8 * sum(counts.values()) / len(diameters)


def test_tubes_are_hooped_and_cracked_and_steel_rusts_in_their_shares() -> None:
    tubes, steel = of(PileKind.PHC), of(PileKind.SPIRAL_STEEL)
    assert share(tubes, lambda pile: pile.has_hoop) == pytest.approx(0.8, abs=0.03)
    assert share(tubes, lambda pile: pile.is_cracked) == pytest.approx(0.2, abs=0.03)
    rust = Counter(pile.rust for pile in steel)
    assert [rust[grade] / len(steel) for grade in range(4)] == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)


def test_only_tubes_have_hoops_and_cracks_and_only_steel_rust_and_flanges() -> None:
    for pile in many():
        is_tube, is_steel = pile.kind is PileKind.PHC, pile.kind is PileKind.SPIRAL_STEEL
        assert is_tube or not (pile.has_hoop or pile.is_cracked)
        assert is_steel or pile.rust == 0
        assert pile.flange_diameter_m == (0.22 if is_steel else 0.0)


@pytest.mark.parametrize("options", BOTH)
def test_a_table_has_one_kind_and_one_size(options: SceneOptions) -> None:
    for one in scenes(options):
        for table in tables(one):
            assert len({(pile.kind, pile.diameter_m) for pile in table}) == 1


@pytest.mark.parametrize("options", BOTH)
def test_the_tops_of_a_table_lie_in_a_plane_within_40_mm(options: SceneOptions) -> None:
    sizes = []
    for one in scenes(options):
        for table in tables(one):
            points = plan(table) - plan(table).mean(axis=0)
            tops = np.array([pile.top_m for pile in table])
            design = np.column_stack([points, np.ones(len(table))])
            off = tops - design @ np.linalg.lstsq(design, tops, rcond=None)[0]
            assert np.ptp(off) <= 0.040
            sizes.append(len(table))
    assert min(sizes) >= 2 and np.mean(sizes) > 4


@pytest.mark.parametrize("options", BOTH)
def test_piles_stand_30_to_100_cm_out_of_the_ground_they_stand_on(options: SceneOptions) -> None:
    exposed = []
    for one in scenes(options):
        at = plan(one.piles)
        ground = one.terrain.height_at(at[:, 0], at[:, 1])
        assert np.array([pile.ground_m for pile in one.piles]) == pytest.approx(ground, abs=1e-9)
        exposed += [pile.exposed_m for pile in one.piles]
    assert 0.3 <= min(exposed) < 0.35 and 0.95 < max(exposed) <= 1.0


def test_piles_lean_by_five_milliradians_at_most() -> None:
    lean = np.hypot([pile.tilt_x for pile in many()], [pile.tilt_y for pile in many()])
    assert lean.max() <= 0.005
    assert lean.max() > 0.0049
    assert np.mean([pile.tilt_x for pile in many()]) == pytest.approx(0, abs=2e-4)


@pytest.mark.parametrize("options", BOTH)
def test_piles_stand_within_five_millimetres_of_their_planned_place(options: SceneOptions) -> None:
    for seed, one in enumerate(scenes(options)):
        settled = settle(options, seed)
        layout = lay_clusters(settled, one.terrain, seed) if settled.use_clusters else lay_rows(settled, seed)
        off = plan(one.piles) - np.concatenate([strip.points_m for strip in layout.strips])
        assert 0.003 < np.abs(off).max() <= 0.005
        assert abs(off.mean()) < 0.001


@pytest.mark.parametrize("options", [*BOTH, replace(IN_ROWS, row_spacing=3), SMALL])
def test_no_two_piles_stand_nearer_than_their_rows(options: SceneOptions) -> None:
    """At least 3.6 m, or the spacing of the rows, minus the jitter of both. Rows have the same bend."""
    for seed, one in enumerate(scenes(options, 6)):
        found = settle(options, seed)
        rows_m = 3.6 if found.use_clusters else min(found.row_spacing, 3.6)
        assert nearest_m(plan(one.piles)) >= rows_m - 2 * np.hypot(0.005, 0.005)


def test_a_pile_with_its_base_is_as_large_as_in_real_pictures() -> None:
    """About 35 x 38 px at 5280 wide, where a pixel is 3.8 cm."""
    wide = np.array([pile.base_diameter_m for pile in many()])
    assert wide.min() >= 1.0 and wide.max() <= 1.5
    assert wide.mean() / 0.0379 == pytest.approx(36.5, abs=1.5)
    assert all(pile.base_height_m < pile.exposed_m for pile in many())


def test_every_pile_looks_a_little_different() -> None:
    looks = {(pile.shade, pile.turn, pile.base_diameter_m, pile.base_height_m) for pile in many()}
    assert len(looks) == len(many())


def test_nearly_all_piles_are_in_the_picture() -> None:
    for one in scenes(SceneOptions(), 10):
        points = np.array([(pile.x_m, pile.y_m, pile.ground_m) for pile in one.piles])
        pixel = one.camera.pixel_of(points)
        is_seen = (pixel > 0).all(axis=1) & (pixel < (one.camera.width_px, one.camera.height_px)).all(axis=1)
        assert is_seen.mean() > 0.9
