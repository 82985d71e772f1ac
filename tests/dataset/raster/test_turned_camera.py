"""Numbers, depths and sky through cameras of any place, direction and window."""

from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.geometry.batches import SceneStage
from engine.dataset.raster.drawing import render
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import LimeLine, Sun
from tests.dataset.geometry.sites import drawn_without_colors
from tests.dataset.raster.stages import CAMERA, block, post, stage
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


def site(camera: SiteCamera) -> SceneStage:
    posts = [post(1, *TOP_M[0, :2], size_m=(1.5, 1.5, 2.0)), block(2, 4.0, 3.0, size_m=(1, 1, 1), foot_m=0.2)]
    return stage(*posts, camera=camera, slope_x=SLOPE)


def centers(camera: SiteCamera) -> np.ndarray:
    """(height * width, 2) centres of all pixels."""
    rows, columns = np.mgrid[: camera.height_px, : camera.width_px]
    return np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5


@pytest.mark.parametrize("name", CAMERAS)
def test_a_turned_camera_measures_depth_along_its_axis_and_shows_things_where_it_projects_them(name: str) -> None:
    camera = CAMERAS[name]
    drawn = drawn_without_colors(site(camera))
    rays = camera.rays_of(centers(camera))
    normal = np.array([-SLOPE, 0.0, 1.0])
    depths = -(normal @ camera.place_m) / (rays @ normal)
    points = camera.place_m + rays * depths[:, None]
    is_ground = (drawn.instances.ravel() == 0) & (np.abs(points[:, :2]) < 27).all(axis=1)
    assert is_ground.mean() > 0.6
    assert np.abs(drawn.depth_m.ravel() - depths)[is_ground].max() < 1e-4
    on_top = np.abs(drawn.depth_m.ravel() - (TOP_M[0, 2] - camera.height_m) / rays[:, 2]) < 1e-3
    is_top = on_top & (drawn.instances.ravel() == 1)
    assert is_top.sum() > 40
    assert np.abs(centers(camera)[is_top].mean(axis=0) - camera.pixel_of(TOP_M)[0]).max() < 0.5


@pytest.mark.parametrize("name", ["oblique", *in_long_form("all")])
def test_a_window_shows_that_part_of_the_whole_picture(name: str) -> None:
    camera = CAMERAS[name]
    whole = render(site(camera))
    part = render(site(camera.window(60, 40, 100, 90)))
    place = slice(40, 130), slice(60, 160)
    assert np.array_equal(part.instances, whole.instances[place])
    assert np.array_equal(part.depth_m, whole.depth_m[place])
    assert np.abs(part.colors.astype(int) - whole.colors[place]).mean() < 0.5  # the edges of shadows
    around = drawn_without_colors(site(camera.window(-30, -20, 260, 200)))
    assert np.array_equal(around.instances[20:180, 30:230], whole.instances)
    assert np.array_equal(around.depth_m[20:180, 30:230], whole.depth_m)


def test_what_lies_behind_the_camera_is_not_seen_and_the_sky_is_infinitely_far() -> None:
    """From the middle of the site towards the north horizon: posts to the south are behind the camera."""
    camera = SiteCamera(width_px=120, height_px=100, height_m=6, pitch_deg=80, field_of_view_deg=60)
    behind = [post(k, -4.0 + 2 * k, -8.0, size_m=(1, 1, 5)) for k in range(1, 4)]
    over = block(4, 0.0, -3.0, size_m=(4.0, 30.0, 0.5), foot_m=8.0)  # reaches over the camera
    drawn = render(stage(*behind, over, post(5, 0.0, 12.0, size_m=(1, 1, 2)), camera=camera))
    assert set(np.unique(drawn.instances)) == {0, 4, 5}
    is_sky = np.isinf(drawn.depth_m)
    assert 0.1 < is_sky.mean() < 0.6
    assert np.isfinite(drawn.depth_m[-20:]).all() and not np.isnan(drawn.depth_m).any()
    assert drawn.colors[is_sky].mean() > drawn.colors[-20:].mean()


@pytest.mark.parametrize("name", ["oblique", *in_long_form("all")])
def test_lime_and_shadows_lie_where_a_turned_camera_projects_them(name: str) -> None:
    camera = CAMERAS[name]
    line = LimeLine(points=((-4.0, -5.0), (6.0, 2.0)), width_m=0.8)
    sun = Sun(elevation_deg=45, azimuth_deg=90, energy=3)
    bare = render(stage(camera=camera, sun=sun)).colors.mean(axis=2)
    limed = render(stage(camera=camera, sun=sun, lime_lines=(line,))).colors.mean(axis=2)
    shaded = render(stage(block(1, 2.0, -4.0, size_m=(0.4, 1.5, 3.0)), camera=camera, sun=sun)).colors.mean(axis=2)

    def share(after: np.ndarray, x_m: float, y_m: float) -> float:
        column, row = camera.pixel_of(np.array([[x_m, y_m, 0.0]]))[0].astype(int)
        return float(after[row, column] / bare[row, column])

    assert min(share(limed, 1 + 5 * k, -1.5 + 3.5 * k) for k in (-0.8, -0.4, 0.0, 0.4, 0.8)) > 1.25
    assert share(limed, 1.0, 2.0) == share(limed, 3.0, -3.0) == 1
    assert max(share(shaded, x_m, -4.0) for x_m in (1.0, 0.0, -0.5)) < 0.75
    assert share(shaded, -2.0, -4.0) == pytest.approx(1, abs=0.05)
