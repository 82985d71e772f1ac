"""KITTI's labels: the rules of its columns, and 3D boxes that surround the piles when projected."""

import numpy as np
import pytest

from engine.dataset.labels.writers.kitti import kitti_calibration, kitti_text
from engine.dataset.scene.camera import SiteCamera
from tests.dataset.labels.small_records import CAMERA, disc, record, site, thing


def rows_of(text: bytes) -> list[list[str]]:
    rows = [line.split(" ") for line in text.decode("ascii").splitlines()]
    assert all(len(row) == 15 for row in rows)
    return rows


def test_type_truncation_occlusion_and_box_are_the_records() -> None:
    rows = rows_of(kitti_text(site(), CAMERA))
    assert [row[:3] for row in rows] == [
        ["pile", "0.00", "0"],
        ["pile", "0.00", "2"],
        ["pile", "0.50", "0"],
        ["bag", "0.00", "0"],
    ]
    assert [[float(edge) for edge in row[4:8]] for row in rows] == [list(one.box) for one in site().labelled]
    bag = [float(value) for value in rows[-1][3:]]
    assert [bag[0], *bag[5:]] == [-10, -1, -1, -1, -1000, -1000, -1000, -10]


@pytest.mark.parametrize(("yaw_deg", "pitch_deg"), [(0, 0), (30, 0), (200, 35)])
def test_the_box_in_space_surrounds_the_pile_in_the_picture(yaw_deg: float, pitch_deg: float) -> None:
    """KITTI's own projection: the box around x y z, turned by rotation_y, times P2."""
    camera = SiteCamera(
        width_px=4000, height_px=4000, height_m=30, field_of_view_deg=80, yaw_deg=yaw_deg, pitch_deg=pitch_deg
    )
    place = np.array([2.0, 3.0, 0.5])
    turns = np.linspace(0, 2 * np.pi, 60)
    ring = place + np.stack([0.2 * np.cos(turns), 0.2 * np.sin(turns), 0 * turns], axis=1)
    points = np.concatenate([ring, ring + np.array([0, 0, 0.8])])
    pile = camera.pixel_of(points)
    what = record(thing(1, 10, 10, disc(6), place_m=tuple(place)), camera=camera)
    values = [float(value) for value in rows_of(kitti_text(what, camera))[0][3:]]
    (height, width, length), (x, y, z), turn = values[5:8], values[8:11], values[11]
    p2 = np.array(kitti_calibration(camera).decode().splitlines()[2].split()[1:], float).reshape(3, 4)
    assert turn == 0 and values[0] == pytest.approx(-np.arctan2(x, z), abs=0.006)
    corners = np.array(
        [(x + a * length / 2, y - b * height, z + c * width / 2, 1) for a in (-1, 1) for b in (0, 1) for c in (-1, 1)]
    )
    seen = corners @ p2.T
    seen = seen[:, :2] / seen[:, 2:]
    slack_px = 0.012 * camera.focal_px / z  # two decimals of KITTI's metres
    assert (seen.min(axis=0) <= pile.min(axis=0) + slack_px).all()
    assert (seen.max(axis=0) >= pile.max(axis=0) - slack_px).all()
    local = camera.in_camera_space(points)
    assert [length, height, width] == pytest.approx(np.ptp(local, axis=0), abs=0.012)


def test_the_calibration_takes_metres_of_the_site_to_pixels() -> None:
    camera = SiteCamera(width_px=400, height_px=300, x_m=4, y_m=-2, height_m=30, yaw_deg=77, pitch_deg=20, roll_deg=3)
    lines = dict(line.split(": ") for line in kitti_calibration(camera).decode("ascii").splitlines() if line)
    assert list(lines) == ["P0", "P1", "P2", "P3", "R0_rect", "Tr_velo_to_cam", "Tr_imu_to_velo"]
    matrices = {name: np.array(values.split(), float).reshape(3, -1) for name, values in lines.items()}
    points = np.array([[1.0, 2.0, 0.5], [-3.0, 5.0, 1.0]])
    local = np.column_stack([points, [1, 1]]) @ matrices["Tr_velo_to_cam"].T @ matrices["R0_rect"].T
    seen = np.column_stack([local, [1, 1]]) @ matrices["P2"].T
    assert seen[:, :2] / seen[:, 2:] == pytest.approx(camera.pixel_of(points))
