"""Piles of recipe 2: their kinds, sizes, positions and feet."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.labels.visibility import find_outlines
from engine.dataset.layout.pile_blocks import ALIASES
from engine.dataset.layout.piles import PileOptions, plant_piles
from engine.dataset.layout.rows_and_clusters import SiteLayout, Strip
from engine.dataset.layout.weights import weights_parser
from engine.dataset.options import SceneOptions
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.things import FootKind, Pile, PileKind
from engine.errors import UsageError
from tests.dataset.geometry.sites import site as site_with
from tests.dataset.layout.fields import LEVEL, lay
from tests.dataset.layout.scenes import nearest_m, plan, terrain_of
from tests.support.long_form import IS_SOAK, in_long_form

LIMITS_M = {
    PileKind.PHC: (0.3, 0.8),
    PileKind.SPIRAL_STEEL: (0.076, 0.159),
    PileKind.CAST_IN_PLACE: (0.3, 1.2),
    PileKind.STEEL_TUBE: (0.076, 0.325),
    PileKind.H_SECTION: (0.12, 0.3),
    PileKind.C_SECTION: (0.1, 0.2),
}
parse = weights_parser("--feet", ("none", "spoil", "pad"))


def rows(blocks: int, each: int = 4, apart_m: float = 4.0) -> SiteLayout:
    """A layout with one row of piles per block."""
    strips = []
    for block in range(blocks):
        points = np.stack([np.arange(each) * apart_m, np.full(each, block * apart_m)], axis=1)
        strips.append(
            Strip(
                points_m=points, columns=np.arange(each), heading=0.0, axis_m=points, cluster=block
            )
        )
    return SiteLayout(strips=tuple(strips), roads_m=())


@cache
def site(seed: int) -> tuple[Pile, ...]:
    return plant_piles(SceneOptions(), PileOptions(), rows(20), LEVEL, (3, seed))


def planted(options: PileOptions, seed: int = 1, **changes: int) -> tuple[Pile, ...]:
    return plant_piles(SceneOptions(), options, rows(30, **changes), LEVEL, (3, seed))


@pytest.mark.parametrize(("name", "kind"), ALIASES.items())
def test_kinds_have_their_sizes_and_stand_out_by_20_cm_to_2_5_m(name: str, kind: PileKind) -> None:
    for seed in range(3):
        for pile in planted(PileOptions(pile_kinds=((name, 1.0),)), seed):
            assert pile.kind is kind
            low, high = LIMITS_M[pile.kind]
            assert low <= pile.diameter_m <= high
            assert 0.2 <= pile.exposed_m <= 2.5
            assert (pile.width_m > 0) is (pile.kind in (PileKind.H_SECTION, PileKind.C_SECTION))


def test_piles_stay_on_the_terrain_and_near_their_position() -> None:
    slope = terrain_of(lambda x, y: 0.1 * x + 0.05 * y, cell_m=4.0)
    layout = rows(10)
    piles = plant_piles(SceneOptions(), PileOptions(), layout, slope, (5, 0))
    at = plan(piles)
    assert np.array([pile.ground_m for pile in piles]) == pytest.approx(
        slope.height_at(at[:, 0], at[:, 1]), abs=1e-9
    )
    assert np.abs(at - np.concatenate([strip.points_m for strip in layout.strips])).max() <= 0.08


def test_close_piles_are_thinner_and_their_feet_do_not_meet() -> None:
    for seed in range(6):
        piles = planted(PileOptions(pile_kinds=(("cast", 1.0),)), seed, apart_m=1.2)
        assert max(pile.diameter_m for pile in piles) < 0.6 * nearest_m(plan(piles))
        assert max(pile.base_diameter_m for pile in piles) <= 0.95 * 1.2


def test_given_sizes_and_feet_are_used() -> None:
    piles = planted(
        PileOptions(
            pile_diameter=(0.25, 0.35), exposed=(0.5, 0.6), feet=(("none", 0.5), ("grout", 0.5))
        )
    )
    assert all(0.25 <= pile.diameter_m <= 0.35 and 0.5 <= pile.exposed_m <= 0.6 for pile in piles)
    assert {pile.foot for pile in piles} == {FootKind.NONE, FootKind.GROUT}


@pytest.mark.parametrize("diameter_m", [1.0, *in_long_form(3.0)])
def test_thick_piles_stand_so_far_apart_that_they_have_their_diameter(diameter_m: float) -> None:
    options = PileOptions(pile_diameter=(diameter_m, diameter_m))
    for seed in (0, 1, 5):
        for span in (
            SceneOptions(),
            SceneOptions(use_clusters=True),
            SceneOptions(row_spacing=2.0),
        ):
            layout = lay(seed, options=span, min_pitch_m=options.min_pitch_m)
            piles = plant_piles(span, options, layout, LEVEL, (3, seed))
            assert len(piles) > 20 and {pile.diameter_m for pile in piles} == {diameter_m}


def test_piles_too_thick_for_given_distances_are_refused_with_the_diameter_that_fits() -> None:
    with pytest.raises(
        UsageError, match=r"^--pile-diameter 2: piles of 1\.8 m fit, with 4 m from one to the next"
    ):
        planted(PileOptions(pile_diameter=(2.0, 3.0)))
    assert max(pile.diameter_m for pile in planted(PileOptions(pile_diameter=(1.5, 3.0)))) == 1.8


def test_boxes_are_as_large_as_real_ones_without_pads() -> None:
    """35 x 38 px in a picture of 5280: here from 40 to 160 m, with fields of view of 60 to 84
    degrees."""
    sizes = []
    count = 120 if IS_SOAK else 12
    for seed in range(count):
        weight = (seed + 0.5) / count
        camera = SiteCamera(
            width_px=5280,
            height_px=3956,
            height_m=40 + 120 * weight,
            field_of_view_deg=60 + 24 * (seed * 0.618 % 1),
        )
        piles = plant_piles(
            SceneOptions(),
            PileOptions(feet=(("none", 1.0),)),
            lay(seed, None, camera),
            LEVEL,
            (7, seed),
        )[::8]
        geometry = build_geometry(replace(site_with(piles, terrain=LEVEL), camera=camera))
        numbers = np.array([pile.number for pile in piles])
        for outline in find_outlines(geometry, numbers, lambda pixels: pixels).values():
            size = np.ptp(np.clip(np.concatenate(outline.solids), 0, (5280, 3956)), axis=0)
            if (size > 1).all():
                sizes.append(size)
    wide, high = np.mean(sizes, axis=0)
    assert (wide + high) / 2 == pytest.approx(36.5, abs=4 if IS_SOAK else 8)


def test_weights_are_equal_or_as_given_and_scaled_to_one() -> None:
    assert parse("none") == (("none", 1.0),)
    assert parse("none, pad") == (("none", 0.5), ("pad", 0.5))
    assert parse("none=3,pad=1") == (("none", 0.75), ("pad", 0.25))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nome", "--feet nome: unknown; choose from none, spoil, pad"),
        ("none=x", "--feet none=x: the share is not a number of 0 or more, such as none=0.3"),
        ("none=-1", "the share is not a number"),
        ("none=nan", "the share is not a number"),
        ("none,none", "--feet none,none: none is given twice"),
        ("none=0", "no kind has a share"),
        ("", "no kind has a share"),
    ],
)
def test_impossible_weights_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(text)
