"""Scenes of recipe 1: seeds, options, and things that do not fit. Its layouts are held by
test_recipe_1.py."""

from dataclasses import replace

import pytest

from engine.dataset.layout.placer import Clearance
from engine.dataset.layout.recipe_1 import FOOTPRINT_M, MACHINES, describe_recipe_1
from engine.dataset.layout.settling import settle
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import SiteScene
from engine.dataset.scene.streams import stream
from engine.dataset.scene.things import DistractorKind
from engine.errors import UsageError
from tests.dataset.layout.scenes import SMALL, digest, plan, scene


def test_a_seed_of_any_size_has_its_scene() -> None:
    large, larger = (scene(SMALL, seed) for seed in (2**100, 2**100 + 1))
    assert len(large.piles) >= 50 and digest(large) != digest(larger)
    with pytest.raises(UsageError, match="--seed: -3 is not 0 or more"):
        describe_recipe_1(SceneOptions(), -3)


def machines(one: SiteScene) -> list:
    return [found for found in one.distractors if found.kind in MACHINES]


def bags(one: SiteScene) -> list:
    return [found for found in one.distractors if found.kind is DistractorKind.BAG]


@pytest.mark.parametrize(
    ("field", "things", "find"),
    [("num_bags", "bags", bags), ("num_machinery", "machines", machines)],
)
def test_too_many_are_refused_with_how_many_fit(field: str, things: str, find) -> None:
    small = SceneOptions(terrain_size=40, num_rows=2, piles_per_row=3, num_bags=0, num_machinery=0)
    with pytest.raises(
        UsageError, match=rf"--{field.replace('_', '-')} 1000: \d+ {things} fit"
    ) as caught:
        describe_recipe_1(replace(small, **{field: 1000}), 5)
    fit = int(str(caught.value).split(":")[1].split()[0])
    assert len(find(describe_recipe_1(replace(small, **{field: fit}), 5))) == fit > 3
    with pytest.raises(UsageError, match=f": {fit} {things} fit"):
        describe_recipe_1(replace(small, **{field: fit + 1}), 5)


def test_machines_are_refused_only_when_no_place_is_left_for_the_smallest() -> None:
    options = SceneOptions(
        terrain_size=60, num_rows=2, piles_per_row=3, num_bags=0, num_machinery=1000
    )
    with pytest.raises(UsageError, match="machines fit") as caught:
        describe_recipe_1(options, 5)
    most = replace(options, num_machinery=int(str(caught.value).split(":")[1].split()[0]))
    one = describe_recipe_1(most, 5)
    clearance = Clearance(settle(most, 5).site, stream(5, "distractors places"))
    clearance.take(plan(one.piles), 1.0)
    for machine in machines(one):
        assert clearance.room_m.max() >= FOOTPRINT_M[DistractorKind.ROLLER]
        clearance.take(plan([machine]), FOOTPRINT_M[machine.kind] + 0.3)
    assert clearance.room_m.max() < FOOTPRINT_M[DistractorKind.ROLLER]


def test_default_numbers_are_reduced_if_there_is_no_room() -> None:
    options = SceneOptions(terrain_size=24, num_rows=2, piles_per_row=3)
    found = machines(describe_recipe_1(options, 1))
    assert 0 < len(found) < 15
    with pytest.raises(UsageError, match=rf"--num-machinery 15: {len(found)} machines fit"):
        describe_recipe_1(replace(options, num_machinery=15), 1)
