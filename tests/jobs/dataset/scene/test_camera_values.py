"""The camera in manifests and label files."""

import json

import numpy as np
import pytest

from engine.jobs.dataset.scene.camera import SiteCamera, camera_values


def test_a_reader_projects_points_with_the_told_matrices() -> None:
    camera = SiteCamera(
        width_px=640,
        height_px=480,
        height_m=60,
        field_of_view_deg=70,
        x_m=3,
        y_m=-8,
        yaw_deg=50,
        pitch_deg=35,
        roll_deg=9,
    ).window(200, -30, 300, 260)
    told = json.loads(json.dumps(camera_values(camera)))
    points = np.array([[4.0, 20.0, 1.0], [-6.0, 45.0, -2.0]])
    inside = (points - told["place"]) @ np.array(told["rotation"]).T
    assert np.linalg.det(told["rotation"]) == pytest.approx(1)
    columns = told["cx"] + told["fx"] * inside[:, 0] / inside[:, 2]
    rows = told["cy"] + told["fy"] * inside[:, 1] / inside[:, 2]
    np.testing.assert_allclose(np.stack([columns, rows], axis=1), camera.pixel_of(points), atol=1e-6)
    assert (told["width"], told["height"], told["altitude_m"]) == (300, 260, 60)
    assert told["gsd_cm"] == pytest.approx(100 * 60 / told["fx"])
    assert "overlap" not in told
