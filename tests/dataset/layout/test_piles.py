from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from engine.dataset.geometry import set_stage
from engine.dataset.labels.visibility import find_outlines
from engine.dataset.layout.pile_blocks import ALIASES
from engine.dataset.layout.piles import PileOptions, plant_piles
from engine.dataset.layout.rows_and_clusters import SiteLayout, Strip
from engine.dataset.layout.shares import pick, shares_parser
from engine.dataset.options import SceneOptions
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.things import CapKind, FootKind, PaintPlace, Pile, PileKind
from engine.errors import UsageError
from tests.dataset.geometry.sites import site as site_with
from tests.dataset.layout.fields import LEVEL, laid
from tests.dataset.layout.scenes import nearest_m, plan, terrain_of
from tests.support.long_form import IS_SOAK, in_long_form

SITES = range(150 if IS_SOAK else 40)
LIMITS_M = {
    PileKind.PHC: (0.3, 0.8),
    PileKind.SPIRAL_STEEL: (0.076, 0.159),
    PileKind.CAST_IN_PLACE: (0.3, 1.2),
    PileKind.STEEL_TUBE: (0.076, 0.325),
    PileKind.H_SECTION: (0.12, 0.3),
    PileKind.C_SECTION: (0.1, 0.2),
}
parse = shares_parser("--feet", ("none", "spoil", "pad"))


def rows(blocks: int, each: int = 4, apart_m: float = 4.0) -> SiteLayout:
    """One row per block."""
    strips = []
    for block in range(blocks):
        points = np.stack([np.arange(each) * apart_m, np.full(each, block * apart_m)], axis=1)
        strips.append(Strip(points_m=points, columns=np.arange(each), heading=0.0, axis_m=points, cluster=block))
    return SiteLayout(strips=tuple(strips), roads_m=(), centres_m=np.empty((0, 2)))


@cache
def site(seed: int) -> tuple[Pile, ...]:
    return plant_piles(SceneOptions(), PileOptions(), rows(20), LEVEL, (3, seed))


def everyone() -> list[Pile]:
    return [pile for seed in SITES for pile in site(seed)]


def planted(options: PileOptions, seed: int = 1, **changes: int) -> tuple[Pile, ...]:
    return plant_piles(SceneOptions(), options, rows(30, **changes), LEVEL, (3, seed))


def test_every_pile_has_its_own_number_from_one() -> None:
    assert [pile.number for pile in site(0)] == list(range(1, 81))


def test_a_site_has_mostly_one_or_two_kinds_and_sites_differ() -> None:
    usual: Counter[PileKind] = Counter()
    for seed in SITES:
        kinds = Counter(pile.kind for pile in site(seed))
        assert sum(count for _, count in kinds.most_common(2)) > 0.9 * len(site(seed))
        usual[kinds.most_common(1)[0][0]] += 1
    assert set(usual) == set(PileKind)
    assert max(usual.values()) < 0.5 * len(SITES)


def test_piles_of_a_block_are_of_one_kind_and_size_but_for_a_few() -> None:
    alike = total = 0
    for seed in SITES:
        for first in range(0, 80, 4):
            block = Counter((pile.kind, pile.diameter_m) for pile in site(seed)[first : first + 4])
            alike, total = alike + block.most_common(1)[0][1], total + 4
    assert 0.95 < alike / total < 1.0


def test_feet_have_their_shares() -> None:
    """None in 40 %, today's concrete pad in 10 %."""
    feet = Counter(pile.foot for pile in everyone())
    total = sum(feet.values())
    assert feet[FootKind.NONE] / total == pytest.approx(0.4, abs=0.06)
    assert feet[FootKind.PAD] / total == pytest.approx(0.1, abs=0.04)
    for kind in (FootKind.SPOIL, FootKind.HOLE, FootKind.GROUT, FootKind.MUD):
        assert feet[kind] / total > 0.06
    assert FootKind.OWN not in feet


@pytest.mark.parametrize(("name", "kind"), ALIASES.items())
def test_kinds_have_their_sizes_and_stand_out_by_20_cm_to_2_5_m(name: str, kind: PileKind) -> None:
    for seed in range(3):
        for pile in planted(PileOptions(pile_kinds=((name, 1.0),)), seed):
            assert pile.kind is kind
            low, high = LIMITS_M[pile.kind]
            assert low <= pile.diameter_m <= high
            assert 0.2 <= pile.exposed_m <= 2.5
            assert (pile.width_m > 0) is (pile.kind in (PileKind.H_SECTION, PileKind.C_SECTION))


def test_most_piles_are_upright_and_a_few_lean_up_to_five_degrees() -> None:
    tilts = np.array([pile.tilt_deg for pile in everyone()])
    assert (tilts < 1).mean() == pytest.approx(0.95, abs=0.02)
    assert 4 < tilts.max() <= 5.0001
    assert np.mean([pile.tilt_x for pile in everyone()]) == pytest.approx(0, abs=1e-3)


def test_the_tops_of_a_level_row_follow_a_line_on_uneven_ground() -> None:
    waves = terrain_of(lambda x, y: 0.1 * np.sin(x), cell_m=0.5)
    layout = rows(12, each=8)
    level = 0
    for seed in range(4):
        piles = plant_piles(SceneOptions(), PileOptions(pile_kinds=(("phc", 1.0),)), layout, waves, (4, seed))
        for first in range(0, len(piles), 8):
            row = piles[first : first + 8]
            x, tops = plan(row)[:, 0], np.array([pile.top_m for pile in row])
            off = tops - np.polyval(np.polyfit(x, tops, 1), x)
            level += np.ptp(off) < 0.06
    assert level > 0.4 * 48


def test_piles_stay_on_their_ground_and_near_their_place() -> None:
    slope = terrain_of(lambda x, y: 0.1 * x + 0.05 * y, cell_m=4.0)
    layout = rows(10)
    piles = plant_piles(SceneOptions(), PileOptions(), layout, slope, (5, 0))
    at = plan(piles)
    assert np.array([pile.ground_m for pile in piles]) == pytest.approx(slope.height_at(at[:, 0], at[:, 1]), abs=1e-9)
    assert np.abs(at - np.concatenate([strip.points_m for strip in layout.strips])).max() <= 0.08


def test_close_piles_are_thinner_and_their_feet_do_not_meet() -> None:
    for seed in range(6):
        piles = planted(PileOptions(pile_kinds=(("cast", 1.0),)), seed, apart_m=1.2)
        room = nearest_m(plan(piles))
        assert max(pile.diameter_m for pile in piles) < 0.6 * room
        assert max(pile.base_diameter_m for pile in piles) <= 0.95 * 1.2


def test_given_sizes_and_feet_are_used() -> None:
    piles = planted(PileOptions(pile_diameter=(0.25, 0.35), exposed=(0.5, 0.6), feet=(("none", 0.5), ("grout", 0.5))))
    assert all(0.25 <= pile.diameter_m <= 0.35 and 0.5 <= pile.exposed_m <= 0.6 for pile in piles)
    assert {pile.foot for pile in piles} == {FootKind.NONE, FootKind.GROUT}


@pytest.mark.parametrize("diameter_m", [1.0, *in_long_form(3.0)])
def test_thick_piles_stand_so_far_apart_that_they_have_their_diameter(diameter_m: float) -> None:
    options = PileOptions(pile_diameter=(diameter_m, diameter_m))
    for seed in (0, 1, 5):
        for given in (SceneOptions(), SceneOptions(use_clusters=True), SceneOptions(row_spacing=2.0)):
            layout = laid(seed, options=given, min_pitch_m=options.min_pitch_m)
            piles = plant_piles(given, options, layout, LEVEL, (3, seed))
            assert len(piles) > 20 and {pile.diameter_m for pile in piles} == {diameter_m}


def test_piles_too_thick_for_given_distances_are_refused_with_the_diameter_that_fits() -> None:
    with pytest.raises(UsageError, match=r"^--pile-diameter 2: piles of 1\.8 m fit, with 4 m from one to the next"):
        planted(PileOptions(pile_diameter=(2.0, 3.0)))
    assert max(pile.diameter_m for pile in planted(PileOptions(pile_diameter=(1.5, 3.0)))) == 1.8


def test_another_foot_changes_nothing_else() -> None:
    def rest(pile: Pile) -> tuple[object, ...]:
        return pile.kind, pile.x_m, pile.y_m, pile.exposed_m, pile.diameter_m, pile.shade, pile.paint, pile.tilt_x

    bare, padded = (planted(PileOptions(feet=((name, 1.0),))) for name in ("none", "pad"))
    assert [rest(pile) for pile in bare] == [rest(pile) for pile in padded]
    assert {pile.base_diameter_m for pile in bare} == {0.0}


@pytest.mark.parametrize(
    ("preset", "kind", "share"), [("loess", PileKind.SPIRAL_STEEL, 0.7), ("hills", PileKind.PHC, 0.6)]
)
def test_a_preset_favours_a_kind(preset, kind: PileKind, share: float) -> None:
    options = SceneOptions(geological_preset=preset)
    sites = [plant_piles(options, PileOptions(), rows(6), LEVEL, (6, seed)) for seed in range(60)]
    found = np.mean([pile.kind is kind for piles in sites for pile in piles])
    assert found == pytest.approx(share, abs=0.15)


def test_sizes_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match=r"--pile-diameter: 0\.01 is not 0\.05 to 3"):
        PileOptions(pile_diameter=(0.01, 0.5)).check()
    with pytest.raises(UsageError, match=r"--exposed: 11 is not 0\.05 to 10"):
        PileOptions(exposed=(0.5, 11)).check()


def test_boxes_are_as_large_as_real_ones_without_pads() -> None:
    """35 x 38 px in a picture of 5280: here from 40 to 160 m, with fields of view of 60 to 84 degrees."""
    sizes = []
    for seed in range(120 if IS_SOAK else 24):
        share = (seed + 0.5) / (120 if IS_SOAK else 24)
        camera = SiteCamera(
            width_px=5280, height_px=3956, height_m=40 + 120 * share, field_of_view_deg=60 + 24 * (seed * 0.618 % 1)
        )
        piles = plant_piles(
            SceneOptions(), PileOptions(feet=(("none", 1.0),)), laid(seed, None, camera), LEVEL, (7, seed)
        )[::8]
        stage = set_stage(replace(site_with(piles, terrain=LEVEL), camera=camera))
        numbers = np.array([pile.number for pile in piles])
        for outline in find_outlines(stage, numbers, lambda pixels: pixels).values():
            size = np.ptp(np.clip(np.concatenate(outline.solids), 0, (5280, 3956)), axis=0)
            if (size > 1).all():
                sizes.append(size)
    wide, high = np.mean(sizes, axis=0)
    assert (wide + high) / 2 == pytest.approx(36.5, abs=4 if IS_SOAK else 8)


def test_posts_too_thin_for_a_high_picture_are_rare_in_it() -> None:
    """At 4 cm a pixel, posts of 76 mm are 2 px wide: nobody could label them."""

    def thin(gsd_m: float) -> float:
        sites = [plant_piles(SceneOptions(), PileOptions(), rows(4), LEVEL, (3, seed), gsd_m) for seed in range(60)]
        return sum(pile.diameter_m < 0.12 for site in sites for pile in site) / sum(map(len, sites))

    assert thin(0.01) > 0.1
    assert thin(0.04) < 0.3 * thin(0.01)
    # Kinds that are asked for stay.
    piles = plant_piles(SceneOptions(), PileOptions(pile_kinds=(("screw", 1.0),)), rows(8), LEVEL, (3, 1), 0.2)
    assert {pile.kind for pile in piles} == {PileKind.SPIRAL_STEEL}


def test_shares_are_equal_or_as_given_and_scaled_to_one() -> None:
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
def test_impossible_shares_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(text)


def test_kinds_are_picked_in_their_shares() -> None:
    found = pick(parse("none=3,pad=1"), np.linspace(0, 1, 1001))
    assert found.count("none") / 1001 == pytest.approx(0.75, abs=0.01)
    assert pick((("none", 0.0), ("pad", 1.0)), np.array([0.0, 1.0])) == ["pad", "pad"]


def test_some_piles_are_painted_capped_rusty_or_dirty_in_shades_of_all_kinds() -> None:
    piles = everyone()
    assert 0.1 < np.mean([pile.paint is not PaintPlace.NONE for pile in piles]) < 0.4
    assert 0.02 < np.mean([pile.cap is not CapKind.NONE for pile in piles]) < 0.25
    assert len({pile.paint_color for pile in piles if pile.paint is not PaintPlace.NONE}) >= 5
    assert {pile.rust for pile in piles} == {0, 1, 2, 3}
    assert 0.1 < np.mean([pile.dirt_m > 0 for pile in piles]) < 0.6
    shades = np.array([pile.shade for pile in piles])  # wider than in recipe 1
    assert 0.4 <= shades.min() < 0.5 and 1.4 < shades.max() <= 1.5
