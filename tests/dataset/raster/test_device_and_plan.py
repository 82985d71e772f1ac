"""Errors of the GL driver, and the ground baked from above, for Cycles."""

import numpy as np
import pytest

from engine.dataset.raster.device import open_device
from engine.dataset.raster.drawing import render
from engine.dataset.raster.plan import bake_ground_texture
from engine.dataset.scene.description import LimeLine, Sun
from engine.errors import RenderError
from tests.dataset.raster.geometries import CAMERA, geometry

SIDE_PX = 224  # 0.25 m a pixel


def test_too_little_memory_and_a_target_too_large_are_named_and_a_context_opens_again() -> None:
    with (
        pytest.raises(RenderError, match="GL_OUT_OF_MEMORY: too little memory") as caught,
        open_device() as device,
    ):
        device.own(device.context.buffer(reserve=10**13))
    assert "\n" not in str(caught.value)
    with (
        pytest.raises(RenderError, match="framebuffer is not complete") as caught,
        open_device() as device,
    ):
        device.framebuffer([device.texture((10 * device.largest_px, 8), 4)])
    assert "\n" not in str(caught.value)
    with open_device() as device:
        assert device.name


def test_north_is_the_first_row_and_west_the_first_column() -> None:
    """A lime line in the north-west, 20 m from the centre in both directions; the ground's side is
    56 m."""
    line = LimeLine(points=((-20.0, 20.0), (-15.0, 20.0)), width_m=1.0)
    marked, bare = (
        bake_ground_texture(geometry(lime_lines=lines), SIDE_PX) for lines in ((line,), ())
    )
    assert marked.shape == (SIDE_PX, SIDE_PX, 3)
    assert marked.dtype == np.uint8
    rows, columns = np.nonzero((marked != bare).any(axis=2))
    assert abs(rows.mean() - (28 - 20) * 4) < 1
    assert abs(columns.mean() - (28 - 17.5) * 4) < 1


def test_the_picture_shows_the_same_ground_at_the_same_position() -> None:
    site = geometry(grass_share=0.5, sun=Sun(elevation_deg=90, azimuth_deg=0, energy=2))
    plan, picture = bake_ground_texture(site, SIDE_PX), render(site).colors
    rows, columns = np.mgrid[10 : CAMERA.height_px - 10, 10 : CAMERA.width_px - 10]
    x_m = (columns + 0.5 - CAMERA.width_px / 2) * 0.2
    y_m = (CAMERA.height_px / 2 - rows - 0.5) * 0.2

    def likeness(x_m: np.ndarray, y_m: np.ndarray) -> float:
        there = plan[((28 - y_m) * 4).astype(int), ((28 + x_m) * 4).astype(int)]
        green = [
            pixels[..., 1].astype(float) - pixels[..., 0]
            for pixels in (there, picture[rows, columns])
        ]
        return float(np.corrcoef(green[0].ravel(), green[1].ravel())[0, 1])

    assert likeness(x_m, y_m) > 0.8
    assert max(likeness(-x_m, y_m), likeness(x_m, -y_m), likeness(-x_m, -y_m)) < 0.5
