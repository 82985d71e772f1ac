"""Distortion and aberration, and labels that follow them."""

import cv2
import numpy as np
import pytest

from engine.dataset.geometry.batches import Rendered
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene
from tests.dataset.sensor.cards import CAMERA, card, squares, take_photo

TILTED = SiteCamera(
    width_px=200, height_px=150, height_m=60, yaw_deg=30, pitch_deg=12, roll_deg=-5, x_m=4, y_m=-3
)
WINDOW = SiteCamera(width_px=800, height_px=600).window(520, 380, 160, 120)
CAMERAS = [CAMERA, TILTED, WINDOW]


def pixels_of(camera: SiteCamera, count: int = 200) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1, (count, 2)) * [camera.width_px, camera.height_px]


@pytest.mark.parametrize("distortion", [-10, -1, 3])
@pytest.mark.parametrize("camera", CAMERAS)
def test_the_lens_is_that_of_opencv(camera: SiteCamera, distortion: float) -> None:
    """`k1`, `k2` and the principal point mean what they mean to cv2.projectPoints and
    cv2.undistortPoints."""
    photo = take_photo(card(100), f"distortion={distortion}", camera=camera)
    expected = photo.effects["lens"]
    matrix = np.diag([expected["focal_px"], expected["focal_px"], 1.0])
    matrix[:2, 2] = expected["center_px"]
    factors = np.array([expected["k1"], expected["k2"], 0, 0])
    pinhole = pixels_of(camera)
    rays = np.concatenate(
        [(pinhole - expected["center_px"]) / expected["focal_px"], np.ones((len(pinhole), 1))],
        axis=1,
    )
    theirs = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, factors)[0][:, 0]
    ours = photo.to_picture(pinhole)
    assert np.abs(ours - theirs).max() < 1e-6 and np.abs(ours - pinhole).max() > 0.5
    back = cv2.undistortPoints(ours[:, None], matrix, factors, P=matrix)[:, 0]
    assert photo.lens is not None and np.abs(photo.lens.backward(ours) - pinhole).max() < 2e-3
    # it iterates five times only
    assert np.abs(back - pinhole).max() < (2e-3 if abs(distortion) <= 1 else 0.5)


@pytest.mark.parametrize("distortion", [-8, 5])
@pytest.mark.parametrize("camera", CAMERAS)
def test_a_thing_and_its_label_are_where_to_picture_says(
    camera: SiteCamera, distortion: float
) -> None:
    target_px = np.array([[0.1, 0.12], [0.5, 0.5], [0.88, 0.2], [0.2, 0.85], [0.9, 0.88]])
    target_px = target_px * [camera.width_px, camera.height_px]
    points_m = np.column_stack([camera.on_level(target_px), np.zeros(len(target_px))])
    photo = take_photo(squares(points_m), f"distortion={distortion},aberration=0", camera=camera)
    expected = photo.to_picture(camera.pixel_of(points_m))
    assert np.abs(expected - target_px).max() > 1
    rows, columns = np.mgrid[: camera.height_px, : camera.width_px] + 0.5
    for number, (column, row) in enumerate(expected, start=1):
        near = (abs(columns - column) < 7) & (abs(rows - row) < 7)
        weight = photo.rendered.colors[..., 1] * near
        seen = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
        assert np.abs(seen - [column, row]).max() < 0.3
        own = photo.rendered.instances == number
        box = [
            columns[own].min() - 0.5,
            rows[own].min() - 0.5,
            columns[own].max() + 0.5,
            rows[own].max() + 0.5,
        ]
        assert (
            np.abs(np.array(box) - [column - 2.5, row - 2.5, column + 2.5, row + 2.5]).max() < 1.1
        )
        assert (photo.rendered.depth_m[own] == 90).all()
    assert set(np.unique(photo.rendered.instances)) == set(range(len(points_m) + 1))


@pytest.mark.parametrize(
    "effects", ["distortion=-10", "distortion=10", "distortion=-3,aberration=-8", "aberration=8"]
)
@pytest.mark.parametrize("camera", CAMERAS)
def test_every_pixel_comes_from_a_place_that_was_drawn(camera: SiteCamera, effects: str) -> None:
    """So no corner is black, and none repeats the last pixel."""
    rendered: list[SiteCamera] = []

    def columns_and_rows(scene: SiteScene) -> Rendered:
        wide = scene.camera
        rendered.append(wide)
        x, y = np.meshgrid(np.arange(wide.width_px), np.arange(wide.height_px))
        return Rendered(
            colors=np.zeros((*x.shape, 3), np.uint8),
            instances=x.astype(np.uint16),
            depth_m=y.astype(np.float32),
            renderer="columns and rows",
        )

    photo = take_photo(columns_and_rows, effects, camera=camera)
    x, y = np.meshgrid(np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5)
    assert photo.lens is not None
    source = photo.lens.backward(np.stack([x.ravel(), y.ravel()], axis=1))
    shift = np.array([camera.left_px - rendered[0].left_px, camera.top_px - rendered[0].top_px])
    found = (
        np.stack([photo.rendered.instances.ravel(), photo.rendered.depth_m.ravel()], axis=1) + 0.5
    )
    assert np.abs(source + shift - found).max() < 0.5 + 1 / 32
    assert rendered[0].sensor_px == (camera.sensor_width_px, camera.sensor_height_px)


def test_aberration_moves_red_out_and_blue_in_at_the_corner() -> None:
    corner_px = np.array([[8.0, 6.0]])
    points_m = np.column_stack([CAMERA.on_level(corner_px), [0.0]])
    colors = take_photo(squares(points_m, 3.5), "aberration=2").rendered.colors.astype(float)
    x = np.arange(CAMERA.width_px) + 0.5
    red, green, blue = (
        (colors[..., c].sum(axis=0) * x).sum() / colors[..., c].sum() for c in range(3)
    )
    fraction = np.linalg.norm(corner_px[0] - CAMERA.center_px) / np.linalg.norm(CAMERA.center_px)
    # 0.8: the way to the corner of a 4:3 picture
    assert red - green == pytest.approx(-2 * fraction * 0.8, abs=0.1)
    assert blue - green == pytest.approx(2 * fraction * 0.8, abs=0.1)


def test_aberration_repeats_no_pixel_at_the_edge() -> None:
    """Red comes from beyond the window on one side, as blue does on the other."""

    def ramp(scene: SiteScene) -> Rendered:
        level = np.arange(scene.camera.width_px) + scene.camera.left_px + 40.0
        return card(np.broadcast_to(level, (scene.camera.height_px, scene.camera.width_px)))(scene)

    for aberration in (-8, 8):
        colors = take_photo(ramp, f"aberration={aberration}").rendered.colors.astype(float)
        for c in range(3):
            steps = np.diff(colors[60, :, c])
            assert steps.min() >= 0 and steps[:9].sum() >= 8
            assert steps[-9:].sum() >= 8
