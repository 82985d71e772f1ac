"""Things that a view cannot show are left out of its scene."""

from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.layout.recipe_1 import describe_recipe_1
from engine.dataset.layout.sight import visible_piles, visible_things
from engine.dataset.options import SceneOptions
from engine.dataset.raster.drawing import render
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import Sun
from engine.dataset.scene.things import Distractor, DistractorKind, PileKind
from tests.dataset.geometry.sites import pile

HIGH_SUN = Sun(elevation_deg=80, azimuth_deg=0, energy=2)
RIGHT_HALF = SiteCamera(width_px=1000, height_px=800, height_m=40.0).window(700, 0, 300, 800)


def test_a_window_looks_the_same_without_the_things_that_it_cannot_show() -> None:
    """With a low sun, so that things outside cast shadows into it."""
    scene = describe_recipe_1(
        SceneOptions(width=480, height=360, use_clusters=False, sun_elevation=12.0), 4
    )
    camera = SiteCamera(width_px=480, height_px=360, yaw_deg=40, pitch_deg=25).window(
        180, 150, 130, 90
    )
    coarse = replace(
        scene.terrain, cell_m=2 * scene.terrain.cell_m, heights_m=scene.terrain.heights_m[::2, ::2]
    )
    whole = replace(scene, camera=camera, terrain=coarse)
    part = replace(
        whole,
        piles=tuple(replace(pile, number=number) for number, pile in enumerate(scene.piles, 1)),
        distractors=visible_things(scene.distractors, camera, scene.sun),
    )
    part = replace(part, piles=visible_piles(part.piles, camera, scene.sun))
    assert 0 < len(part.piles) < 0.7 * len(whole.piles)
    one, other = render(build_geometry(whole)), render(build_geometry(part))
    assert one.instances.max() > 0
    assert np.array_equal(one.instances, other.instances)
    assert np.array_equal(one.depth_m, other.depth_m)
    # The shadow map begins elsewhere, for it follows the highest thing: edges of shadows move by
    # part of a texel.
    off = np.abs(one.colors.astype(int) - other.colors).max(axis=2)
    assert off.mean() < 1
    assert (off > 30).mean() < 0.01


def test_a_thing_whose_shadow_falls_into_the_view_stays_and_one_beyond_it_goes() -> None:
    """The view is 20 m wide; the sun is in the east, so shadows fall to the west."""
    camera = SiteCamera(width_px=100, height_px=100, height_m=100, field_of_view_deg=11.42)
    machines = tuple(
        Distractor(
            kind=DistractorKind.EXCAVATOR, x_m=x_m, y_m=0.0, ground_m=0.0, turn=0.0, number=number
        )
        for number, x_m in enumerate((0.0, 45.0, -45.0, 120.0), 1)
    )
    for elevation_deg, numbers in ((8.0, [1, 2]), (70.0, [1])):
        sun = Sun(elevation_deg=elevation_deg, azimuth_deg=90, energy=2)
        assert [thing.number for thing in visible_things(machines, camera, sun)] == numbers


@pytest.mark.parametrize("high_m", [0.5, 3.0, 9.0])
def test_a_pile_beside_the_picture_is_kept_if_its_top_leans_into_it(high_m: float) -> None:
    """Posts lean away from the axis, which is on the left of this window; its left edge is at 16
    m."""
    edge_m = float(RIGHT_HALF.on_level(np.array([[0.0, 400.0]]))[0, 0])
    assert edge_m == pytest.approx(16)
    leaning = replace(
        pile(PileKind.PHC, exposed_m=high_m), x_m=edge_m * (40 - high_m) / 40 + 0.02, number=3
    )
    assert RIGHT_HALF.pixel_of(np.array([leaning.head_m]))[0, 0] > 0
    assert [one.number for one in visible_piles((leaning,), RIGHT_HALF, HIGH_SUN)] == [3]
    assert visible_piles((replace(leaning, x_m=leaning.x_m - 14),), RIGHT_HALF, HIGH_SUN) == ()
