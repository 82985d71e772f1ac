"""The part of the world that the views of a scene show."""

from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.scene.camera import SiteCamera

MAX_REACH_M = 400.0
"""Ground farther from the camera is not modelled, so it may look towards the horizon."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extent:
    """Bounds of what the views show of the level plane z = 0."""

    corners_m: tuple[np.ndarray, ...]
    """(4, 2) per view: where the corners of its window meet the plane, clockwise from the top left."""

    @property
    def half_m(self) -> float:
        """Half the side of the square around the origin that holds all views."""
        return float(max(np.abs(corners).max() for corners in self.corners_m))


def extent_of(cameras: tuple[SiteCamera, ...], z_m: float = 0.0) -> Extent:
    """The extent of these views on a level plane. Rays towards the horizon end MAX_REACH_M from the camera."""
    return Extent(corners_m=tuple(_corners(camera, z_m) for camera in cameras))


def _corners(camera: SiteCamera, z_m: float) -> np.ndarray:
    rays = camera.rays_of(camera.corners_px)
    away = np.maximum(np.linalg.norm(rays[:, :2], axis=1), 1e-9)
    depths = np.where(rays[:, 2] < 0, (camera.height_m - z_m) / np.maximum(-rays[:, 2], 1e-9), np.inf)
    reached: np.ndarray = camera.place_m[:2] + rays[:, :2] * np.minimum(depths, MAX_REACH_M / away)[:, None]
    return reached
