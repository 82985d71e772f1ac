"""Positions of machines, bags and other clutter in recipe 2."""

import numpy as np
import pytest

from engine.dataset.geometry.scene_geometry import (
    VARIANTS,
    build_distractors,
    build_geometry,
    build_model,
)
from engine.dataset.layout.clutter import parse_kinds
from engine.dataset.layout.habits import HABITS, MACHINES
from engine.dataset.scene.things import Distractor, DistractorKind, category_of
from engine.errors import UsageError
from tests.dataset.geometry.sites import render_numbers, world
from tests.dataset.layout.yards import lattice, rolling, scatter, seen
from tests.support.long_form import IS_SOAK

PILES = lattice(8, 8)
SEEDS = range(8)
LINES = (DistractorKind.FENCE, DistractorKind.TRENCH)


def count(things: tuple[Distractor, ...], *kinds: DistractorKind) -> int:
    return sum(thing.kind in kinds for thing in things)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_touches_a_pile_or_another_thing(seed: int) -> None:
    numbers = [thing.number for thing in scatter(seed, PILES, hidden=0.3)]
    assert numbers == list(range(len(PILES) + 1, len(PILES) + 1 + len(numbers)))
    things = scatter(seed, PILES)
    at = np.array([(thing.x_m, thing.y_m) for thing in things])
    to_pile = np.hypot(
        *(at[:, None] - [(pile.x_m, pile.y_m) for pile in PILES]).transpose(2, 0, 1)
    ).min(axis=1)
    round_ones = [index for index, thing in enumerate(things) if thing.kind not in LINES]
    assert len(round_ones) > 20
    for before, index in enumerate(round_ones):
        thing = things[index]
        reach_m = HABITS[thing.kind].footprint_m * thing.scale
        assert to_pile[index] >= min(reach_m + HABITS[thing.kind].from_pile_m, 7.9) - 1e-9
        for other in round_ones[:before]:
            apart_m = np.hypot(*(at[index] - at[other]))
            assert (
                apart_m
                >= reach_m
                + HABITS[things[other].kind].footprint_m * things[other].scale
                + 0.3
                - 1e-9
            )
    for index in set(range(len(things))) - set(round_ones):
        turn = things[index].turn
        along = at[index] + np.linspace(-1.5, 1.5, 13)[:, None] * (np.cos(turn), np.sin(turn))
        assert (
            np.hypot(
                *(along[:, None] - [(pile.x_m, pile.y_m) for pile in PILES]).transpose(2, 0, 1)
            ).min()
            > 1.0
        )


def test_nothing_floats_over_the_ground_or_drowns_in_it() -> None:
    things = (*scatter(3), *scatter(4), *scatter(6, PILES))
    assert len({thing.kind for thing in things}) > 15
    for thing in things:
        points = np.concatenate(
            [world(batch) for batch in build_distractors((thing,), seen((), ()).ground)]
        )
        over = points[:, 2] - rolling().height_at(points[:, 0], points[:, 1])
        foot = np.concatenate(
            [
                mesh.positions[:, 2]
                for _, mesh in build_model(thing.kind, thing.shape_seed % VARIANTS[thing.kind])
            ]
        )
        feet = foot < foot.min() + 0.02
        assert over[feet].max() < 0.03, thing
        high_m = (foot.max() + HABITS[thing.kind].lift_m) * thing.scale
        assert over.max() > 0.6 * high_m - 0.02, thing


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5] if IS_SOAK else [0.0, 0.4])
def test_about_the_requested_fraction_of_the_piles_loses_pixels_to_something(
    fraction: float,
) -> None:
    hidden, wholes = [], 0
    for seed in (1, 2):
        things = scatter(seed, PILES, half_m=20.0, hidden=fraction)
        rendered = (
            render_numbers(build_geometry(seen(PILES, these))).instances for these in (things, ())
        )
        with_things, without = (
            np.bincount(each.ravel(), minlength=2**16)[1 : len(PILES) + 1] for each in rendered
        )
        is_inside = without > 20
        hidden += (with_things[is_inside] / without[is_inside]).tolist()
        wholes += int(is_inside.sum())
    assert wholes > 80
    left = np.array(hidden)
    assert np.mean(left < 0.97) == pytest.approx(fraction, abs=0.05 + 0.1 * fraction)
    if fraction:
        assert 0.2 < np.median(left[left < 0.97]) < 0.9  # parts of piles, not none of them


def test_given_numbers_are_exact_and_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    things = scatter(1, PILES, num_bags=7, num_machinery=2)
    assert (count(things, *MACHINES), count(things, DistractorKind.BAG)) == (2, 7)
    assert (
        count(
            scatter(1, PILES, clutter=0.0, num_bags=0, num_machinery=0),
            *MACHINES,
            DistractorKind.BAG,
        )
        == 0
    )
    with pytest.raises(UsageError, match=r"--num-machinery 90: \d+ machines fit"):
        scatter(1, PILES, half_m=16.0, num_machinery=90)
    # 5000, but for requested ones
    monkeypatch.setattr("engine.dataset.layout.clutter.MAX_COUNT", 12)
    things = scatter(906, lattice(3, 3), num_bags=40, num_machinery=2)
    assert [count(things, DistractorKind.BAG), count(things, *MACHINES), len(things)] == [40, 2, 42]


def test_only_the_named_confusers_are_scattered_and_in_every_scene() -> None:
    for seed in SEEDS:
        things = scatter(seed, confusers=parse_kinds("fence, hole,vegetation,stake"))
        kinds = {thing.kind for thing in things} - {*MACHINES, DistractorKind.BAG}
        assert {category_of(kind) for kind in kinds} <= {"fence", "hole", "vegetation", "marker"}
        assert {
            DistractorKind.HOLE,
            DistractorKind.STAKE,
            DistractorKind.BUSH,
            DistractorKind.TREE,
        } <= kinds
        assert DistractorKind.FLAG not in kinds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (name, "--confusers: .* is not one of bare_tree, barrel, boards")
            for name in ("hole,pyramid", "", "loader")
        ),
        *(
            ("hole,bag", "has an option of its own, --num-bags"),
            ("machine", "an option of its own, --num-machinery"),
        ),
    ],
)
def test_an_unknown_confuser_is_named_with_those_that_there_are(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_kinds(text)
