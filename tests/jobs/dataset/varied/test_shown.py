"""Things that a view cannot show are left out of its scene."""

from dataclasses import replace

import numpy as np

from engine.jobs.dataset.geometry import set_stage
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.raster import render
from engine.jobs.dataset.scene import describe_scene
from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.description import Sun
from engine.jobs.dataset.scene.things import Distractor, DistractorKind
from engine.jobs.dataset.varied.shown import shown_piles, shown_things


def test_a_window_looks_the_same_without_the_things_that_it_cannot_show() -> None:
    """With a low sun, so that things outside cast shadows into it."""
    scene = describe_scene(SceneOptions(width=480, height=360, use_clusters=False, sun_elevation=12.0), 4)
    camera = SiteCamera(width_px=480, height_px=360, yaw_deg=40, pitch_deg=25).window(180, 150, 130, 90)
    whole = replace(scene, camera=camera)
    part = replace(
        whole,
        piles=tuple(replace(pile, number=number) for number, pile in enumerate(scene.piles, 1)),
        distractors=shown_things(scene.distractors, camera, scene.sun),
    )
    part = replace(part, piles=shown_piles(part.piles, camera, scene.sun))
    assert 0 < len(part.piles) < 0.7 * len(whole.piles)
    one, other = render(set_stage(whole)), render(set_stage(part))
    assert one.instances.max() > 0
    assert np.array_equal(one.instances, other.instances)
    assert np.array_equal(one.depth_m, other.depth_m)
    # The shadow map begins elsewhere, for it follows the highest thing: edges of shadows move by part of a texel.
    off = np.abs(one.colors.astype(int) - other.colors).max(axis=2)
    assert off.mean() < 1
    assert (off > 30).mean() < 0.01


def test_a_thing_whose_shadow_falls_into_the_view_stays_and_one_beyond_it_goes() -> None:
    """The view is 20 m wide; the sun is in the east, so shadows fall to the west."""
    camera = SiteCamera(width_px=100, height_px=100, height_m=100, field_of_view_deg=11.42)
    machines = tuple(
        Distractor(kind=DistractorKind.EXCAVATOR, x_m=x_m, y_m=0.0, ground_m=0.0, turn=0.0, number=number)
        for number, x_m in enumerate((0.0, 45.0, -45.0, 120.0), 1)
    )
    for elevation_deg, numbers in ((8.0, [1, 2]), (70.0, [1])):
        sun = Sun(elevation_deg=elevation_deg, azimuth_deg=90, energy=2)
        assert [thing.number for thing in shown_things(machines, camera, sun)] == numbers
