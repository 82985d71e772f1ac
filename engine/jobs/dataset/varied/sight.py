"""The ground that cameras see: where pixels meet uneven ground, and which places are in a picture."""

from dataclasses import replace

import numpy as np

from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.description import Terrain
from engine.jobs.dataset.varied.extent import MAX_REACH_M, extent_of

MIN_DEPTH_M = 1.0
WINDOW_SHARE = 0.7
"""A window that shows less of its sensor than this share is a detail, not a full picture."""


def whole_sensor(camera: SiteCamera) -> SiteCamera:
    """The same camera with its full picture."""
    return replace(
        camera, width_px=camera.sensor_width_px, height_px=camera.sensor_height_px, sensor_px=None, left_px=0, top_px=0
    )


def is_detail(camera: SiteCamera) -> bool:
    """True if the picture is a small window of its sensor."""
    whole_px = camera.sensor_width_px * camera.sensor_height_px
    return camera.width_px * camera.height_px < WINDOW_SHARE * whole_px


def seen_m2(camera: SiteCamera) -> float:
    """Level ground in the picture, up to MAX_REACH_M."""
    x, y = extent_of((camera,)).corners_m[0].T
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)


def ground_under(camera: SiteCamera, pixel: tuple[float, float], terrain: Terrain) -> np.ndarray:
    """(2,) x and y where the ray through a pixel meets the ground; cut off at MAX_REACH_M."""
    place = np.array([pixel], np.float64)
    z_m = 0.0
    found = np.zeros(2)
    for _ in range(8):
        met = camera.on_level(place, z_m)[0]
        found = np.clip(np.nan_to_num(met, nan=MAX_REACH_M), -MAX_REACH_M, MAX_REACH_M)
        z_m = float(terrain.height_at(found[:1], found[1:])[0])
    return found


def is_in_picture(camera: SiteCamera, points_m: np.ndarray, margin_m: float = 0.0) -> np.ndarray:
    """(n,) bool for (n, 3) metres: True in the picture and within `margin_m` around it."""
    depth = camera.depth_of(points_m)
    is_before = depth > MIN_DEPTH_M
    pixel = camera.pixel_of(np.where(is_before[:, None], points_m, camera.place_m - (0, 0, camera.height_m)))
    margin = margin_m * camera.focal_px / np.maximum(depth, MIN_DEPTH_M)
    size = np.array([camera.width_px, camera.height_px])
    inside: np.ndarray = ((pixel > -margin[:, None]) & (pixel < size + margin[:, None])).all(axis=1) & is_before
    return inside
