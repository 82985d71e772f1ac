"""The part of the world that the views of a scene show."""

from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.scene.camera import SiteCamera

MAX_REACH_M = 400.0
"""Ground farther from the origin is not modelled, so a camera may look towards the horizon."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extent:
    """Bounds of what the views show of the level plane z = 0."""

    corners_m: tuple[np.ndarray, ...]
    """(4, 2) per view: where the corners of its window meet the plane, clockwise from the top left."""

    @property
    def half_m(self) -> float:
        """Half the side of the square around the origin that holds all views."""
        return float(max(np.abs(corners).max() for corners in self.corners_m))


def extent_of(cameras: tuple[SiteCamera, ...]) -> Extent:
    """The extent of these views; rays towards the horizon are cut off at MAX_REACH_M."""
    corners = []
    for camera in cameras:
        width, height = camera.width_px, camera.height_px
        met = camera.on_level(np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64))
        corners.append(np.clip(np.nan_to_num(met, nan=MAX_REACH_M), -MAX_REACH_M, MAX_REACH_M))
    return Extent(corners_m=tuple(corners))
