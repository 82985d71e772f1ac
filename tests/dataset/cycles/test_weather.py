"""Weather and ground of recipe 2 as Blender draws them, beside the raster engine."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.dataset.cycles.drawing import render
from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.layout.ground_cover import GroundOptions, draw_ground_look
from engine.dataset.options import SceneOptions
from engine.dataset.raster.drawing import render as render_by_raster
from engine.dataset.raster.plan import bake_ground_texture
from engine.dataset.scene.description import CloudShadows, CoverKind, Sun
from tests.dataset.cycles.yard import SETTINGS, yard
from tests.support.long_form import in_long_form

CLOUDS = CloudShadows(share=0.5, depth=0.85, size_m=9.0, noise_seed=7)


@pytest.mark.parametrize(
    ("name", "sun"),
    [
        ("sand", Sun(elevation_deg=35, azimuth_deg=220, energy=2, clouds=CLOUDS)),
        *in_long_form(
            ("snow", Sun(elevation_deg=40, azimuth_deg=120, energy=2, overcast=1.0)),
            ("wet-earth", Sun(elevation_deg=50, azimuth_deg=30, energy=2, overcast=0.5)),
            ("gravel", Sun(elevation_deg=10, azimuth_deg=300, energy=1)),
            ("grass", Sun(elevation_deg=60, azimuth_deg=10, energy=2)),
        ),
    ],
)
def test_both_engines_draw_the_same_brightness_and_the_same_cloud_shadows(
    blender: Path, name: str, sun: Sun
) -> None:
    scene = yard()
    options = GroundOptions(ground=((CoverKind(name), 1.0),), ground_patches=0.0)
    look = draw_ground_look(SceneOptions(), options, (0, 1))
    scene = replace(
        scene, ground=look, sun=sun, camera=replace(scene.camera, width_px=80, height_px=60)
    )
    site = build_geometry(scene)
    one = render_by_raster(site).colors.astype(float)
    other = render(site, bake_ground_texture(site, 512), SETTINGS, blender).colors.astype(float)
    assert other.mean() == pytest.approx(one.mean(), rel=0.15)
    if sun.clouds is not None:
        blocks = [
            pixels.reshape(6, 10, 8, 10, 3).mean(axis=(1, 3, 4)).ravel() for pixels in (one, other)
        ]
        assert np.corrcoef(blocks)[0, 1] > 0.95 and np.ptp(blocks[0]) > 25
