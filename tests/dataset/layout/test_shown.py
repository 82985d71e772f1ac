"""Things that a view cannot show are left out of its scene."""

from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.frozen import freeze
from engine.dataset.geometry import set_stage
from engine.dataset.layout import Recipe2Options, describe_recipe_2
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.field import FieldOptions
from engine.dataset.layout.recipe_1 import describe_recipe_1
from engine.dataset.layout.sight import shown_piles, shown_things
from engine.dataset.options import SceneOptions
from engine.dataset.raster import render
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene, Sun
from engine.dataset.scene.things import Distractor, DistractorKind, Pile, PileKind
from engine.dataset.sensor.effects import SensorOptions
from engine.dataset.sensor.lens import lens_of
from tests.dataset.geometry.sites import pile

HIGH_SUN = Sun(elevation_deg=80, azimuth_deg=0, energy=2)
RIGHT_HALF = SiteCamera(width_px=1000, height_px=800, height_m=40.0).window(700, 0, 300, 800)


def test_a_window_looks_the_same_without_the_things_that_it_cannot_show() -> None:
    """With a low sun, so that things outside cast shadows into it."""
    scene = describe_recipe_1(SceneOptions(width=480, height=360, use_clusters=False, sun_elevation=12.0), 4)
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


def test_everything_stands_where_a_strong_lens_looks_beyond_the_picture() -> None:
    """A barrel of 10 % shows 409 px more on the left: 15 m of ground, of which 8 m used to have piles."""

    def built(effects: str) -> SiteScene:
        recipe_2 = Recipe2Options(
            camera=CameraOptions(altitude=(160.0, 160.0), field_of_view=(62.0, 62.0), tilt=(0.0, 0.0)),
            layout=FieldOptions(piles=(700.0, 700.0), empty_share=0.0),
            sensor=SensorOptions(camera_effects=effects),
        )
        return describe_recipe_2(SceneOptions(terrace_height=0.0), recipe_2, (7, 0))

    def beyond(scene: SiteScene, things: tuple[Pile, ...] | tuple[Distractor, ...]) -> int:
        """Number of things 300 px and more beyond the picture, and still in what the lens shows."""
        camera = scene.camera
        left, top, _, _ = lens_of(camera, -10, 0, 0).margins()
        assert (left, top) == (409, 307)
        pixel = camera.pixel_of(np.array([(one.x_m, one.y_m, one.ground_m) for one in things]))
        off = np.maximum(-pixel, pixel - (camera.width_px, camera.height_px))
        return int(((off.max(axis=1) > 300) & (off < (left, top)).all(axis=1)).sum())

    mild, strong, barrel = (built(effects) for effects in ("mild", "strong", "distortion=-10"))
    assert freeze(mild) == freeze(strong)
    assert beyond(mild, mild.piles) == 0 < beyond(barrel, barrel.piles)
    assert beyond(barrel, barrel.distractors) > 0
    assert barrel.terrain.side_m > mild.terrain.side_m + 20


@pytest.mark.parametrize("high_m", [0.5, 3.0, 9.0])
def test_a_pile_beside_the_picture_is_kept_if_its_top_leans_into_it(high_m: float) -> None:
    """Posts lean away from the axis, which is on the left of this window; its left edge is at 16 m."""
    edge_m = float(RIGHT_HALF.on_level(np.array([[0.0, 400.0]]))[0, 0])
    assert edge_m == pytest.approx(16)
    leaning = replace(pile(PileKind.PHC, exposed_m=high_m), x_m=edge_m * (40 - high_m) / 40 + 0.02, number=3)
    assert RIGHT_HALF.pixel_of(np.array([leaning.head_m]))[0, 0] > 0
    assert [one.number for one in shown_piles((leaning,), RIGHT_HALF, HIGH_SUN)] == [3]
    far = replace(leaning, x_m=leaning.x_m - 14)
    assert shown_piles((far,), RIGHT_HALF, HIGH_SUN) == ()
