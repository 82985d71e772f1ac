"""Geometry of piles: their parts, heights and instance numbers."""

import dataclasses

import numpy as np
import pytest

from engine.dataset.geometry.batches import SceneGeometry
from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.layout.recipe_1 import KINDS
from engine.dataset.scene.description import Terrain
from engine.dataset.scene.things import Pile, PileKind
from tests.dataset.geometry.sites import batches_named, pile, site, sloping, world

POSTS = {
    PileKind.PHC: "phc post",
    PileKind.SPIRAL_STEEL: "flange",
    PileKind.CAST_IN_PLACE: "poured post",
}
PARTS = {
    PileKind.PHC: {"phc post", "phc hole", "pad"},
    PileKind.SPIRAL_STEEL: {"steel post", "screw blade", "flange", "flange holes", "heap"},
    PileKind.CAST_IN_PLACE: {"poured post", "stubs", "pad"},
}


def alone(one: Pile) -> SceneGeometry:
    return build_geometry(site((one,), terrain=sloping()))


def parts_of(geometry: SceneGeometry) -> set[str]:
    tokens = {"steel", "rust"}
    names = set()
    for batch in geometry.batches:
        name = batch.name.rstrip(" 0123")
        head, _, last = name.rpartition(" ")
        names.add(head if last in tokens else name)
    return names


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_pile_has_the_parts_of_its_kind(kind: PileKind) -> None:
    assert parts_of(alone(pile(kind))) == PARTS[kind]


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("tilt", [(0.0, 0.0), (0.005, -0.003), (0.1, 0.2)])
def test_the_centre_of_the_top_is_at_the_given_height(
    kind: PileKind, tilt: tuple[float, float]
) -> None:
    one = pile(kind, x_m=3.0, y_m=-2.0, ground_m=1.5, tilt_x=tilt[0], tilt_y=tilt[1], turn=0.7)
    post = batches_named(alone(one), POSTS[kind])[0]
    top = post.mesh.positions[:, 2] > 0.999
    middle = world(post)[top].mean(axis=0)
    expected = [
        3.0 + one.exposed_m * np.tan(tilt[0]),
        -2.0 + one.exposed_m * np.tan(tilt[1]),
        one.top_m,
    ]
    assert middle == pytest.approx(expected, abs=0.001)


def spike() -> Terrain:
    """Level ground with a spike of a metre at (4, 5), falling off within one cell."""
    flat = sloping(count=81, cell_m=0.5)
    heights = flat.heights_m.copy()
    heights[50, 48] = 1.0
    return dataclasses.replace(flat, heights_m=heights)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(
    "terrain", [sloping(0.3), sloping(-0.2, 0.2), spike()], ids=["east", "north-west", "spike"]
)
def test_no_base_floats_above_falling_ground(kind: PileKind, terrain: Terrain) -> None:
    ground_m = float(terrain.height_at(np.float64(4.0), np.float64(5.0)))
    one = pile(kind, x_m=4.0, y_m=5.0, ground_m=ground_m, base_diameter_m=1.2, turn=0.4)
    geometry = build_geometry(site((one,), terrain=terrain))
    posts = (
        []
        if ground_m == 1.0
        else batches_named(geometry, "phc post") + batches_named(geometry, "steel post")
    )
    for batch in batches_named(geometry, "pad") + batches_named(geometry, "heap") + posts:
        lowest = world(batch)[batch.mesh.positions[:, 2] == 0]
        assert len(lowest) > 10
        assert (lowest[:, 2] < terrain.height_at(lowest[:, 0], lowest[:, 1])).all()


def test_each_part_carries_the_number_of_its_pile() -> None:
    rng = np.random.default_rng(2)
    kinds = list(KINDS)
    piles = tuple(
        pile(
            kinds[k % 3],
            x_m=4.0 * (k % 6) - 10,
            y_m=4.0 * (k // 6) - 10,
            rust=int(rng.integers(4)),
            has_hoop=k % 3 == 0 and k % 2 == 0,
            is_cracked=k % 3 == 0 and k % 4 == 0,
        )
        for k in range(36)
    )
    geometry = build_geometry(site(piles))
    seen = np.zeros(37, int)
    for batch in geometry.batches:
        assert batch.transforms.shape == (len(batch.instances), 4, 4) and batch.tints.shape == (
            len(batch.instances),
            3,
        )
        assert batch.instances.dtype == np.uint16
        for k, number in enumerate(batch.instances):
            one = piles[number - 1]
            reach = np.linalg.norm(world(batch, k)[:, :2] - (one.x_m, one.y_m), axis=1).max()
            assert reach <= max(one.base_diameter_m, one.diameter_m) / 2 + 0.02
            seen[number] += 1
    assert seen[0] == 0
    assert (seen[1:] >= 3).all()
