"""Finds the things of a scene that one view can show, so that the others cost nothing."""

import numpy as np

from engine.jobs.dataset.scene.assets import Asset, PlacedAsset
from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.description import Sun
from engine.jobs.dataset.scene.things import Distractor, Pile
from engine.jobs.dataset.sensor.effects import parse_effects
from engine.jobs.dataset.sensor.lens import lens_of
from engine.jobs.dataset.varied.sight import whole_sensor

LEAN = 0.1
"""A pile's top is at most this far aside, by its height."""
MAX_THING_M = (9.0, 12.0)
"""Radius and height of the largest other thing: machines, containers, trees."""
MAX_SHADOW_M = 60.0
SHARES = np.linspace(0, 1, 5)
NEAR_M = 0.5
LENS_SHARE = 0.08
"""How far a lens may move a pixel, as a share of half the sensor's diagonal: DJI's calibration of a Mavic 3 Enterprise
has k1 near -0.11, which moves its corners by 7 %."""


def with_lens(camera: SiteCamera, camera_effects: str) -> SiteCamera:
    """The camera with a window of all that the lens of these effects may show.

    The same camera for lenses that the margins of LENS_SHARE hold, such as those of mild and strong effects.
    """
    asked = parse_effects(camera_effects)
    if "distortion" not in asked:
        return camera
    aberration_px = max(map(abs, asked.get("aberration", (0.0, 0.0))))
    # The strongest barrel shows most; without k2 it shows still more.
    strongest = asked["distortion"][0]
    left, top, _, _ = lens_of(whole_sensor(camera), strongest, aberration_px, 0.0).margins()
    if np.hypot(left, top) <= LENS_SHARE * np.hypot(camera.sensor_width_px, camera.sensor_height_px) / 2:
        return camera
    left, top, right, bottom = lens_of(camera, strongest, aberration_px, 0.0).margins()
    return camera.window(-left, -top, camera.width_px + left + right, camera.height_px + top + bottom)


def shown_piles(piles: tuple[Pile, ...], camera: SiteCamera, sun: Sun) -> tuple[Pile, ...]:
    """The piles that may be visible in the view, or cast a shadow into it, with their numbers as they were."""
    high_m = max((pile.exposed_m + pile.bars_m for pile in piles), default=0.0)
    wide_m = max((max(pile.base_diameter_m, pile.diameter_m, pile.flange_diameter_m) for pile in piles), default=0.0)
    shown = _may_show(piles, (wide_m / 2 + LEAN * high_m + NEAR_M, high_m), camera, sun)
    return tuple(pile for pile, is_shown in zip(piles, shown, strict=True) if is_shown)


def shown_things(things: tuple[Distractor, ...], camera: SiteCamera, sun: Sun) -> tuple[Distractor, ...]:
    """The same for everything else."""
    shown = _may_show(things, MAX_THING_M, camera, sun)
    return tuple(thing for thing, is_shown in zip(things, shown, strict=True) if is_shown)


def shown_assets(
    placed: tuple[PlacedAsset, ...], assets: tuple[Asset, ...], camera: SiteCamera, sun: Sun
) -> tuple[PlacedAsset, ...]:
    """The same for models of the user's."""
    radius_m = max((float(np.hypot(*asset.size_m[:2])) / 2 for asset in assets), default=0.0)
    shown = _may_show(placed, (radius_m, max((asset.size_m[2] for asset in assets), default=0.0)), camera, sun)
    return tuple(one for one, is_shown in zip(placed, shown, strict=True) if is_shown)


def _may_show(
    things: tuple[Pile, ...] | tuple[Distractor, ...] | tuple[PlacedAsset, ...],
    size_m: tuple[float, float],
    camera: SiteCamera,
    sun: Sun,
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
    margin_px += LENS_SHARE * np.hypot(camera.sensor_width_px, camera.sensor_height_px) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        places = camera.pixel_of(points)
    beyond = np.maximum(-places, places - [camera.width_px, camera.height_px]).max(axis=1)
    is_near = (depth > NEAR_M) & (beyond < margin_px)
    shown: np.ndarray = is_near.reshape(len(things), 2 * len(SHARES)).any(axis=1)
    return shown
