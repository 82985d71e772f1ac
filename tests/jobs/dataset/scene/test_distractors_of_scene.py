from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import UsageError
from engine.jobs.dataset.layout.placer import Clearance
from engine.jobs.dataset.layout.recipe_1 import FOOTPRINT_M, MACHINES, describe_recipe_1
from engine.jobs.dataset.layout.settling import settle
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.description import SiteScene
from engine.jobs.dataset.scene.streams import stream
from engine.jobs.dataset.scene.things import DistractorKind
from tests.jobs.dataset.scene.scenes import CLUSTERED, IN_ROWS, SMALL, plan, scene, scenes

FULL = SceneOptions(num_rows=30, row_spacing=4, piles_per_row=54, num_machinery=8)
CASES = [CLUSTERED, IN_ROWS, SMALL]


def machines(one: SiteScene) -> list:
    return [found for found in one.distractors if found.kind in MACHINES]


def bags(one: SiteScene) -> list:
    return [found for found in one.distractors if found.kind is DistractorKind.BAG]


def check_room(one: SiteScene) -> None:
    at, reach = plan(one.distractors), np.array([FOOTPRINT_M[found.kind] for found in one.distractors])
    to_pile = np.hypot(*(at[:, None] - plan(one.piles)[None]).transpose(2, 0, 1)).min(axis=1)
    assert (to_pile >= reach + 1.0 - 1e-9).all()
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) + np.eye(len(at)) * 1e6
    assert (apart >= reach[:, None] + reach[None] + 0.3 - 1e-9).all()


@pytest.mark.parametrize("options", CASES)
def test_nothing_stands_on_a_pile_or_on_another_thing(options: SceneOptions) -> None:
    for one in scenes(options, 8):
        check_room(one)


@pytest.mark.parametrize("options", CASES)
def test_there_are_as_many_bags_and_machines_as_asked_for(options: SceneOptions) -> None:
    for one in scenes(options, 8):
        assert (len(machines(one)), len(bags(one))) == (15, 30)
        kinds = Counter(found.kind for found in one.distractors)
        assert 10 <= kinds[DistractorKind.DEBRIS] <= 40 and 2 <= kinds[DistractorKind.REBAR] <= 8
        assert {found.scale <= 1 for found in one.distractors} == {True}
    some = describe_recipe_1(replace(options, num_bags=4, num_machinery=0), 1)
    assert (len(machines(some)), len(bags(some))) == (0, 4)


def test_all_three_machines_are_seen() -> None:
    kinds = Counter(found.kind for one in scenes(CLUSTERED) for found in machines(one))
    assert [kinds[kind] / sum(kinds.values()) for kind in MACHINES] == pytest.approx([0.5, 0.25, 0.25], abs=0.15)


def test_a_full_site_has_smaller_machines_between_its_rows() -> None:
    one = scene(FULL, 0)
    check_room(one)
    assert [found.kind for found in machines(one)] == 8 * [DistractorKind.ROLLER]


@pytest.mark.parametrize(
    ("field", "things", "find"), [("num_bags", "bags", bags), ("num_machinery", "machines", machines)]
)
def test_too_many_are_refused_with_how_many_fit(field: str, things: str, find) -> None:
    small = SceneOptions(terrain_size=40, num_rows=2, piles_per_row=3, num_bags=0, num_machinery=0)
    with pytest.raises(UsageError, match=rf"--{field.replace('_', '-')} 1000: \d+ {things} fit") as caught:
        describe_recipe_1(replace(small, **{field: 1000}), 5)
    fit = int(str(caught.value).split(":")[1].split()[0])
    one = describe_recipe_1(replace(small, **{field: fit}), 5)
    assert len(find(one)) == fit > 3
    check_room(one)
    with pytest.raises(UsageError, match=f": {fit} {things} fit"):
        describe_recipe_1(replace(small, **{field: fit + 1}), 5)


def test_machines_are_refused_only_when_no_place_is_left_for_the_smallest() -> None:
    options = SceneOptions(terrain_size=60, num_rows=2, piles_per_row=3, num_bags=0, num_machinery=1000)
    with pytest.raises(UsageError, match="machines fit") as caught:
        describe_recipe_1(options, 5)
    most = replace(options, num_machinery=int(str(caught.value).split(":")[1].split()[0]))
    one = describe_recipe_1(most, 5)
    places = Clearance(settle(most, 5).site, stream(5, "distractors places"))
    places.take(plan(one.piles), 1.0)
    for machine in machines(one):
        assert places.room_m.max() >= FOOTPRINT_M[DistractorKind.ROLLER]
        places.take(plan([machine]), FOOTPRINT_M[machine.kind] + 0.3)
    assert places.room_m.max() < FOOTPRINT_M[DistractorKind.ROLLER]


def test_things_stand_on_the_ground_and_lean_with_it() -> None:
    for one in scenes(SceneOptions(), 6):
        at = plan(one.distractors)
        ground = one.terrain.height_at(at[:, 0], at[:, 1])
        east, north = one.terrain.slope_at(at[:, 0], at[:, 1])
        assert [found.ground_m for found in one.distractors] == pytest.approx(ground)
        assert [found.slope_x for found in one.distractors] == pytest.approx(east)
        assert [found.slope_y for found in one.distractors] == pytest.approx(north)
        assert np.hypot(east, north).max() <= 0.3


def test_fewer_bags_leave_the_machines_and_the_other_bags_where_they_were() -> None:
    few, many = describe_recipe_1(replace(CLUSTERED, num_bags=10), 4), scene(CLUSTERED, 4)
    assert machines(few) == machines(many)
    assert bags(few) == bags(many)[:10]


def test_no_two_pieces_of_debris_are_alike() -> None:
    pieces = [found for found in scene(CLUSTERED, 1).distractors if found.kind is DistractorKind.DEBRIS]
    assert len({piece.shape_seed for piece in pieces}) == len(pieces)
    assert all(0 <= piece.shape_seed < 2**32 for piece in pieces)


def test_default_numbers_are_reduced_if_there_is_no_room() -> None:
    options = SceneOptions(terrain_size=24, num_rows=2, piles_per_row=3)
    found = machines(describe_recipe_1(options, 1))
    assert 0 < len(found) < 15
    with pytest.raises(UsageError, match=rf"--num-machinery 15: {len(found)} machines fit"):
        describe_recipe_1(replace(options, num_machinery=15), 1)
