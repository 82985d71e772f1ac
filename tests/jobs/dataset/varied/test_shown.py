"""Things that a view cannot show are left out of its scene."""

from dataclasses import replace

import numpy as np

from engine.jobs.dataset.geometry import set_stage
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.raster import render
from engine.jobs.dataset.scene import describe_scene
from engine.jobs.dataset.scene.camera import SiteCamera
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
