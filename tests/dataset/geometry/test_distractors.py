"""Meshes of everything on a site that is no pile."""

import numpy as np
import pytest

from engine.dataset.geometry.batches import LOOKS, Surface
from engine.dataset.geometry.scene_geometry import VARIANTS, build_geometry, build_model
from engine.dataset.layout.habits import HABITS
from engine.dataset.scene.things import (
    CATEGORIES,
    PILE_CATEGORY,
    Distractor,
    DistractorKind,
    category_of,
)
from tests.dataset.geometry.sites import is_closed, normals_agree, site, sloping, volume, world

MACHINES = (DistractorKind.EXCAVATOR, DistractorKind.LOADER, DistractorKind.ROLLER)


@pytest.mark.parametrize("kind", list(DistractorKind))
def test_shapes_are_closed_fill_their_footprint_reach_into_the_ground_and_out_of_it(
    kind: DistractorKind,
) -> None:
    habit = HABITS[kind]
    # over piles that stand up to a metre out
    is_lifted = kind in (DistractorKind.TABLE, DistractorKind.COVER)
    is_low = kind is DistractorKind.BOARDS or habit.is_flat
    reaches_m = []
    for variant in range(VARIANTS[kind]):
        meshes = [mesh for _, mesh in build_model(kind, variant)]
        for mesh in meshes:
            assert volume(mesh) > 0 and is_closed(mesh) and normals_agree(mesh), variant
        positions = np.concatenate([mesh.positions for mesh in meshes])
        reaches_m.append(np.linalg.norm(positions[:, :2], axis=1).max())
        heights = positions[:, 2] + habit.lift_m
        assert (-1.1 if is_lifted else -0.45) < heights.min() < -0.01, variant
        assert heights.max() > (0.005 if is_low else 0.1), variant
    assert 0.8 * habit.footprint_m < max(reaches_m) <= habit.footprint_m


@pytest.mark.parametrize("kind", list(DistractorKind))
def test_a_distractor_leans_with_its_ground_and_is_no_instance(kind: DistractorKind) -> None:
    terrain = sloping(0.25, -0.1)
    ground_m = float(terrain.height_at(np.float64(3.0), np.float64(2.0)))
    one = Distractor(
        kind=kind, x_m=3.0, y_m=2.0, ground_m=ground_m, slope_x=0.25, slope_y=-0.1, turn=1.0
    )
    geometry = build_geometry(site(distractors=(one,), terrain=terrain))
    points = np.concatenate([world(batch) for batch in geometry.batches])
    over = (points - (3.0, 2.0, ground_m)) @ (
        np.array([-0.25, 0.1, 1]) / np.linalg.norm([-0.25, 0.1, 1])
    )
    own = np.concatenate([mesh.positions[:, 2] for _, mesh in build_model(kind, 0)])
    assert [over.min(), over.max()] == pytest.approx([own.min(), own.max()], abs=1e-4)
    for batch in geometry.batches:
        assert (batch.instances == 0).all()
        assert (np.linalg.det(batch.transforms[:, :3, :3].astype(np.float64)) > 0).all()


def test_every_kind_of_thing_belongs_to_a_class_and_every_surface_has_a_look() -> None:
    assert set(LOOKS) == set(Surface)
    assert {category_of(kind) for kind in DistractorKind} == set(CATEGORIES) - {PILE_CATEGORY}
    assert len(set(CATEGORIES)) == len(CATEGORIES)
    assert {category_of(kind) for kind in MACHINES} == {"machine"}
