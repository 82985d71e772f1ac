"""Numbers, depths and sky through cameras of any place, direction and window."""

from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.geometry.batches import SceneGeometry
from engine.dataset.raster.drawing import render
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import LimeLine, Sun
from tests.dataset.geometry.sites import render_numbers
from tests.dataset.raster.geometries import CAMERA, block, geometry, post
from tests.support.long_form import in_long_form

SLOPE = 0.1
TOP_M = np.array([[-3.3, -4.1, 2.0]])
CAMERAS = {
    "yaw": replace(CAMERA, yaw_deg=30),
    "pitch": replace(CAMERA, pitch_deg=15),
    "roll": replace(CAMERA, roll_deg=-20),
    "all": replace(CAMERA, yaw_deg=200, pitch_deg=10, roll_deg=5, x_m=1, y_m=-2),
    "oblique": replace(CAMERA, pitch_deg=45, y_m=-18, field_of_view_deg=40),
}


def site(camera: SiteCamera) -> SceneGeometry:
    posts = [
        post(1, *TOP_M[0, :2], size_m=(1.5, 1.5, 2.0)),
        block(2, 4.0, 3.0, size_m=(1, 1, 1), foot_m=0.2),
    ]
    return geometry(*posts, camera=camera, slope_x=SLOPE)


def centers(camera: SiteCamera) -> np.ndarray:
    """(height * width, 2) centres of all pixels."""
    rows, columns = np.mgrid[: camera.height_px, : camera.width_px]
    return np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5


@pytest.mark.parametrize("name", CAMERAS)
def test_a_turned_camera_measures_depth_along_its_axis_and_shows_things_where_it_projects_them(
    name: str,
) -> None:
    camera = CAMERAS[name]
    rendered = render_numbers(site(camera))
    rays = camera.rays_of(centers(camera))
    normal = np.array([-SLOPE, 0.0, 1.0])
    depths = -(normal @ camera.position_m) / (rays @ normal)
    points = camera.position_m + rays * depths[:, None]
    is_terrain = (rendered.instances.ravel() == 0) & (np.abs(points[:, :2]) < 27).all(axis=1)
    assert is_terrain.mean() > 0.6
    assert np.abs(rendered.depth_m.ravel() - depths)[is_terrain].max() < 1e-4
    on_top = np.abs(rendered.depth_m.ravel() - (TOP_M[0, 2] - camera.height_m) / rays[:, 2]) < 1e-3
    is_top = on_top & (rendered.instances.ravel() == 1)
    assert is_top.sum() > 40
    assert np.abs(centers(camera)[is_top].mean(axis=0) - camera.pixel_of(TOP_M)[0]).max() < 0.5


@pytest.mark.parametrize("name", ["oblique", *in_long_form("all")])
def test_a_window_shows_that_part_of_the_whole_picture(name: str) -> None:
    camera = CAMERAS[name]
    whole = render(site(camera))
    part = render(site(camera.window(60, 40, 100, 90)))
    pixels = slice(40, 130), slice(60, 160)
    assert np.array_equal(part.instances, whole.instances[pixels])
    assert np.array_equal(part.depth_m, whole.depth_m[pixels])
    # the edges of shadows
    assert np.abs(part.colors.astype(int) - whole.colors[pixels]).mean() < 0.5
    around = render_numbers(site(camera.window(-30, -20, 260, 200)))
    assert np.array_equal(around.instances[20:180, 30:230], whole.instances)
    assert np.array_equal(around.depth_m[20:180, 30:230], whole.depth_m)


def test_what_lies_behind_the_camera_is_not_seen_and_the_sky_is_infinitely_far() -> None:
    """From the middle of the site towards the north horizon: posts to the south are behind the
    camera."""
    camera = SiteCamera(width_px=120, height_px=100, height_m=6, pitch_deg=80, field_of_view_deg=60)
    behind = [post(k, -4.0 + 2 * k, -8.0, size_m=(1, 1, 5)) for k in range(1, 4)]
    over = block(4, 0.0, -3.0, size_m=(4.0, 30.0, 0.5), foot_m=8.0)  # reaches over the camera
    rendered = render(geometry(*behind, over, post(5, 0.0, 12.0, size_m=(1, 1, 2)), camera=camera))
    assert set(np.unique(rendered.instances)) == {0, 4, 5}
    is_sky = np.isinf(rendered.depth_m)
    assert 0.1 < is_sky.mean() < 0.6
    assert np.isfinite(rendered.depth_m[-20:]).all() and not np.isnan(rendered.depth_m).any()
    assert rendered.colors[is_sky].mean() > rendered.colors[-20:].mean()


@pytest.mark.parametrize("name", ["oblique", *in_long_form("all")])
def test_lime_and_shadows_lie_where_a_turned_camera_projects_them(name: str) -> None:
    camera = CAMERAS[name]
    line = LimeLine(points=((-4.0, -5.0), (6.0, 2.0)), width_m=0.8)
    sun = Sun(elevation_deg=45, azimuth_deg=90, energy=3)
    bare = render(geometry(camera=camera, sun=sun)).colors.mean(axis=2)
    limed = render(geometry(camera=camera, sun=sun, lime_lines=(line,))).colors.mean(axis=2)
    shaded = render(
        geometry(block(1, 2.0, -4.0, size_m=(0.4, 1.5, 3.0)), camera=camera, sun=sun)
    ).colors.mean(axis=2)

    def ratio(after: np.ndarray, x_m: float, y_m: float) -> float:
        column, row = camera.pixel_of(np.array([[x_m, y_m, 0.0]]))[0].astype(int)
        return float(after[row, column] / bare[row, column])

    assert min(ratio(limed, 1 + 5 * k, -1.5 + 3.5 * k) for k in (-0.8, -0.4, 0.0, 0.4, 0.8)) > 1.25
    assert ratio(limed, 1.0, 2.0) == ratio(limed, 3.0, -3.0) == 1
    assert max(ratio(shaded, x_m, -4.0) for x_m in (1.0, 0.0, -0.5)) < 0.75
    assert ratio(shaded, -2.0, -4.0) == pytest.approx(1, abs=0.05)
