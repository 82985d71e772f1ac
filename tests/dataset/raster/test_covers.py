"""Looks of the ground, clouds and low suns in the picture."""

import colorsys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.geometry.batches import SceneGeometry
from engine.dataset.layout.ground_cover import COVERS, GroundOptions, draw_ground_look
from engine.dataset.light import cloud_map, period_m
from engine.dataset.options import SceneOptions
from engine.dataset.raster.drawing import render
from engine.dataset.raster.plan import bake_ground_texture
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import CloudShadows, CoverKind, GroundLook, Sun
from tests.dataset.raster.geometries import CAMERA, block, geometry
from tests.dataset.raster.test_colors import at

NEAR = SiteCamera(width_px=96, height_px=96, height_m=1.44)  # 3 cm a pixel
DAY = Sun(elevation_deg=45, azimuth_deg=120, energy=2)
IS_LIKE: dict[str, Callable[[float, float, float], bool]] = {
    # of the mean colour: hue in degrees, saturation 0..1, brightness 0..255
    "gravel": lambda hue, saturation, light: saturation < 0.25 and 50 < light < 190,
    "sand": lambda hue, saturation, light: 15 < hue < 60 and light > 115,
    "loess": lambda hue, saturation, light: (
        20 < hue < 50 and saturation > 0.15 and 70 < light < 200
    ),
    "red-earth": lambda hue, saturation, light: (
        (hue < 32 or hue > 350) and saturation > 0.3 and light < 150
    ),
    "wet-earth": lambda hue, saturation, light: light < 85,
    "straw": lambda hue, saturation, light: 20 < hue < 60 and saturation > 0.12 and light > 70,
    "stubble": lambda hue, saturation, light: 15 < hue < 60 and light > 50,
    "grass": lambda hue, saturation, light: 45 < hue < 130 and saturation > 0.2 and light < 160,
    "snow": lambda hue, saturation, light: saturation < 0.2 and light > 150,
    "asphalt": lambda hue, saturation, light: saturation < 0.35 and light < 150,
    "rubble": lambda hue, saturation, light: saturation < 0.4 and 55 < light < 190,
}


def look_of(name: str, number: int, **changes: object) -> GroundLook:
    options = GroundOptions(ground=((CoverKind(name), 1.0),), ground_patches=0.0)
    look = draw_ground_look(SceneOptions(width=96, height=96), options, (0, number))
    cover = replace(look.covers[0], **changes)  # type: ignore[arg-type]
    return replace(look, covers=(cover,), grass_share=0.0)


def with_look(look: GroundLook, camera: SiteCamera = NEAR, sun: Sun = DAY) -> SceneGeometry:
    base = geometry(camera=camera, sun=sun)
    return replace(base, scene=replace(base.scene, ground=look))


@pytest.mark.parametrize("name", sorted(COVERS))
def test_a_look_has_the_colour_of_its_name_and_a_texture(name: str) -> None:
    amount = {"snow": 0.0, "wet-earth": 0.1, "grass": 0.3}.get(name, 0.5)
    colors = render(with_look(look_of(name, 1, share=amount))).colors
    red, green, blue = colors.mean(axis=(0, 1)) / 255
    hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    assert IS_LIKE[name](hue * 360, saturation, float(colors.mean())), (
        hue * 360,
        saturation,
        colors.mean(),
    )
    light = colors.mean(axis=2)
    fine = (
        light[1:-1, 1:-1]
        - (light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:]) / 4
    )
    assert 0.25 < fine.std() < 60 and light.std() > 1.0


def test_tiles_leave_no_trace_in_patches_under_clouds() -> None:
    look = draw_ground_look(
        SceneOptions(),
        GroundOptions(
            ground=((CoverKind.WET_EARTH, 1.0), (CoverKind.STRAW, 1.0)), ground_patches=1.0
        ),
        (0, 4),
    )
    assert len(look.covers) == 2
    sun = replace(DAY, clouds=CloudShadows(share=0.5, depth=0.8, size_m=6.0, noise_seed=3))
    site = with_look(replace(look, grass_share=0.2, patch_m=5.0), CAMERA, sun)
    assert np.array_equal(
        render(site, samples=0).colors, render(site, samples=0, tile_px=67).colors
    )


def test_patches_have_the_requested_share_and_the_same_position_in_the_plan() -> None:
    looks = [
        look_of("snow", 1, share=0.0),
        look_of("asphalt", 1, color=(0.05, 0.05, 0.05), share=0.0),
    ]
    both = replace(
        looks[0], covers=(looks[0].covers[0], looks[1].covers[0]), second_share=0.3, patch_m=4.0
    )
    site = with_look(
        both, replace(CAMERA, height_m=20.0), Sun(elevation_deg=90, azimuth_deg=0, energy=2)
    )
    plan = bake_ground_texture(site, 224).mean(axis=2)  # 0.25 m a pixel
    assert (plan < 140).mean() == pytest.approx(0.3, abs=0.1)
    seen = render(site).colors.mean(axis=2)
    rows, columns = np.mgrid[5:155, 5:195]
    x_m, y_m = (columns + 0.5 - 100) * 0.2, (80 - rows - 0.5) * 0.2
    there = plan[((28 - y_m) * 4).astype(int), ((28 + x_m) * 4).astype(int)]
    assert np.corrcoef(there.ravel(), seen[5:155, 5:195].ravel())[0, 1] > 0.85


def test_clouds_darken_the_ground_where_their_map_says() -> None:
    clouds = CloudShadows(share=0.4, depth=0.8, size_m=5.0, noise_seed=9)
    look = look_of("asphalt", 2, share=0.0)
    clear = render(with_look(look, CAMERA)).colors.mean(axis=2)
    cloudy = render(with_look(look, CAMERA, replace(DAY, clouds=clouds))).colors.mean(axis=2)
    rows, columns = np.mgrid[0:160, 0:200]
    x_m, y_m = (columns + 0.5 - 100) * 0.2, (80 - rows - 0.5) * 0.2
    fractions, side = cloud_map(clouds), period_m(clouds)
    known = fractions[(y_m / side % 1 * 256).astype(int), (x_m / side % 1 * 256).astype(int)]
    assert np.corrcoef(known.ravel(), (cloudy / clear).ravel())[0, 1] > 0.97
    assert (cloudy / clear)[known > 0.999].mean() > 0.99
    assert (cloudy / clear)[known < 0.21].mean() < 0.75


def test_an_overcast_sky_casts_no_shadow_and_a_veil_a_weak_one() -> None:
    fractions, wall = [], block(1, 0, 0, size_m=(0.4, 4.0, 3.0))
    for overcast in (0.0, 0.5, 1.0):
        sun = Sun(elevation_deg=40, azimuth_deg=90, energy=2, overcast=overcast)
        site = replace(with_look(look_of("asphalt", 2, share=0.0), CAMERA, sun), batches=(wall,))
        light = render(site).colors.mean(axis=2)
        # behind it and before it
        fractions.append(float(light[at(-3.0, 0.0)].mean() / light[at(3.0, 0.0)].mean()))
    assert fractions[0] < 0.75
    assert fractions[0] + 0.05 < fractions[1] < 0.97
    assert fractions[2] > 0.98
