"""The part of the ground whose colour is baked for Cycles, and how finely."""

from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.scene.description import SiteScene

MAX_BAKED_PX = 8192  # side of a texture, which every GPU supports
MIN_BAKED_PX = 64
MARGIN_M = 2.0
MAX_DEPTHS = 4.0
"""Reach of the plan towards the horizon, in heights of the camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundPlan:
    """A square seen from above."""

    side_px: int
    side_m: float
    middle_m: tuple[float, float] = (0.0, 0.0)


def plan_of(scene: SiteScene) -> GroundPlan:
    """The whole terrain for a camera that sees it from above the origin; else the square that the window shows."""
    camera = scene.camera
    if camera.is_plain and camera.sensor_px is None:
        side_px = min(MAX_BAKED_PX, 1 << (camera.width_px - 1).bit_length())
        return GroundPlan(side_px=side_px, side_m=scene.terrain.side_m)
    heights_m = scene.terrain.heights_m
    seen = camera.slab(float(heights_m.min()), float(heights_m.max()), MAX_DEPTHS * camera.height_m)[:, :2]
    low, high = seen.min(axis=0) - MARGIN_M, seen.max(axis=0) + MARGIN_M
    side_m = float((high - low).max())
    pixel_m = camera.gsd_m / max(float(camera.drops_of(camera.corners_px).max()), 0.1)
    side_px = int(np.clip(side_m / pixel_m, MIN_BAKED_PX, MAX_BAKED_PX))
    side_m = max(side_m, side_px * pixel_m)
    step_m = side_m / side_px  # the middle lies on a whole pixel, for bake_ground moves its window by whole pixels
    x_m, y_m = (float(np.round(middle / step_m) * step_m) for middle in (low + high) / 2)
    return GroundPlan(side_px=side_px, side_m=side_m, middle_m=(x_m, y_m))
