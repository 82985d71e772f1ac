"""Finds the things of a scene that one view can show, so that the others cost nothing."""

import numpy as np

from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.description import Sun
from engine.jobs.dataset.scene.things import Distractor, Pile

MAX_PILE_M = (2.0, 3.0)
"""Radius and height of the largest pile with its base."""
MAX_THING_M = (9.0, 12.0)
"""The same for everything else: machines, containers, trees."""
MAX_SHADOW_M = 60.0
SHARES = np.linspace(0, 1, 5)
NEAR_M = 0.5


def shown_piles(piles: tuple[Pile, ...], camera: SiteCamera, sun: Sun) -> tuple[Pile, ...]:
    """The piles that may be visible in the view, or cast a shadow into it, with their numbers as they were."""
    return tuple(
        pile for pile, is_shown in zip(piles, _may_show(piles, MAX_PILE_M, camera, sun), strict=True) if is_shown
    )


def shown_things(things: tuple[Distractor, ...], camera: SiteCamera, sun: Sun) -> tuple[Distractor, ...]:
    """The same for everything else."""
    shown = _may_show(things, MAX_THING_M, camera, sun)
    return tuple(thing for thing, is_shown in zip(things, shown, strict=True) if is_shown)


def _may_show(
    things: tuple[Pile, ...] | tuple[Distractor, ...], size_m: tuple[float, float], camera: SiteCamera, sun: Sun
) -> np.ndarray:
    """(n,) bool. `size_m`: radius and height of the largest."""
    radius_m, high_m = size_m
    feet = np.array([(thing.x_m, thing.y_m, thing.ground_m) for thing in things]).reshape(-1, 1, 3)
    flat = sun.direction[:2] / np.linalg.norm(sun.direction[:2])
    shadow_m = min(high_m / np.tan(np.radians(sun.elevation_deg)), MAX_SHADOW_M)
    up = SHARES[:, None] * np.array([0, 0, high_m])
    away = SHARES[:, None] * np.array([*(-flat * shadow_m), 0])
    points = (feet + np.concatenate([up, away])).reshape(-1, 3)
    depth = camera.depth_of(points)
    margin_px = (radius_m + max(shadow_m, high_m) / len(SHARES)) * camera.focal_px / np.maximum(depth, NEAR_M)
    with np.errstate(divide="ignore", invalid="ignore"):
        places = camera.pixel_of(points)
    beyond = np.maximum(-places, places - [camera.width_px, camera.height_px]).max(axis=1)
    is_near = (depth > NEAR_M) & (beyond < margin_px)
    shown: np.ndarray = is_near.reshape(len(things), -1).any(axis=1)
    return shown
