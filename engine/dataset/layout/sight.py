"""The part of the ground that the views of a scene show, and the things that may be seen in
them."""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import Asset, PlacedAsset, Sun, Terrain
from engine.dataset.scene.things import Distractor, Pile
from engine.dataset.sensor.effects import parse_effects
from engine.dataset.sensor.lens import lens_of

MAX_REACH_M = (
    400.0  # ground farther from the camera is not modelled, so it may look towards the horizon
)
MIN_DEPTH_M = 1.0
WINDOW_FRACTION = (
    0.7  # a window that shows less of its sensor than this share is a detail, not a full picture
)
LEAN = 0.1  # a pile's top is at most this far aside, by its height
# radius and height of the largest other thing: machines, containers, trees
MAX_THING_M = (9.0, 12.0)
MAX_SHADOW_M = 60.0
STEPS = np.linspace(0, 1, 5)
NEAR_M = 0.5
LENS_FRACTION = 0.08
"""How far a lens may move a pixel, as a share of half the sensor's diagonal: DJI's calibration of a
Mavic 3 Enterprise has k1 near -0.11, which moves its corners by 7 %."""
_Thing = TypeVar("_Thing", bound=Pile | Distractor | PlacedAsset)


def corners_of_views(cameras: tuple[SiteCamera, ...], z_m: float = 0.0) -> np.ndarray:
    """Points, (views, 4, 2) x and y, where the corners of each window meet a level plane, clockwise
    from the top left. Rays towards the horizon end MAX_REACH_M from the camera."""
    corners = []
    for camera in cameras:
        rays = camera.rays_of(camera.corners_px)
        away = np.maximum(np.linalg.norm(rays[:, :2], axis=1), 1e-9)
        depths = np.where(
            rays[:, 2] < 0, (camera.height_m - z_m) / np.maximum(-rays[:, 2], 1e-9), np.inf
        )
        corners.append(
            camera.position_m[:2] + rays[:, :2] * np.minimum(depths, MAX_REACH_M / away)[:, None]
        )
    return np.array(corners)


def whole_sensor(camera: SiteCamera) -> SiteCamera:
    return replace(
        camera,
        width_px=camera.sensor_width_px,
        height_px=camera.sensor_height_px,
        sensor_px=None,
        left_px=0,
        top_px=0,
    )


def is_detail(camera: SiteCamera) -> bool:
    """True if the picture is a small window of its sensor."""
    whole_px = camera.sensor_width_px * camera.sensor_height_px
    return camera.width_px * camera.height_px < WINDOW_FRACTION * whole_px


def visible_m2(camera: SiteCamera) -> float:
    """Level ground in the picture, up to MAX_REACH_M."""
    x, y = corners_of_views((camera,))[0].T
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)


def terrain_under(camera: SiteCamera, pixel: tuple[float, float], terrain: Terrain) -> np.ndarray:
    """Point, (2,) x and y, where the ray through a pixel meets the ground; cut off at
    MAX_REACH_M."""
    pixels = np.array([pixel], np.float64)
    z_m = 0.0
    found = np.zeros(2)
    for _ in range(8):
        met = camera.on_level(pixels, z_m)[0]
        found = np.clip(np.nan_to_num(met, nan=MAX_REACH_M), -MAX_REACH_M, MAX_REACH_M)
        z_m = float(terrain.height_at(found[:1], found[1:])[0])
    return found


def is_in_picture(camera: SiteCamera, points_m: np.ndarray, margin_m: float = 0.0) -> np.ndarray:
    """Mask of points, (n, 3) metres, in the picture or within `margin_m` around it: (n,) bool."""
    depth = camera.depth_of(points_m)
    is_before = depth > MIN_DEPTH_M
    pixel = camera.pixel_of(
        np.where(is_before[:, None], points_m, camera.position_m - (0, 0, camera.height_m))
    )
    margin = margin_m * camera.focal_px / np.maximum(depth, MIN_DEPTH_M)
    size = np.array([camera.width_px, camera.height_px])
    inside: np.ndarray = ((pixel > -margin[:, None]) & (pixel < size + margin[:, None])).all(
        axis=1
    ) & is_before
    return inside


def with_lens(camera: SiteCamera, camera_effects: str) -> SiteCamera:
    """Enlarge the camera's window to all that the lens of these effects may show, if LENS_FRACTION
    is too little."""
    effects = parse_effects(camera_effects)
    if "distortion" not in effects:
        return camera
    aberration_px = max(map(abs, effects.get("aberration", (0.0, 0.0))))
    # The strongest barrel shows most; without k2 it shows still more.
    strongest = effects["distortion"][0]
    left, top, _, _ = lens_of(whole_sensor(camera), strongest, aberration_px, 0.0).margins()
    if (
        np.hypot(left, top)
        <= LENS_FRACTION * np.hypot(camera.sensor_width_px, camera.sensor_height_px) / 2
    ):
        return camera
    left, top, right, bottom = lens_of(camera, strongest, aberration_px, 0.0).margins()
    return camera.window(
        -left, -top, camera.width_px + left + right, camera.height_px + top + bottom
    )


def visible_piles(piles: tuple[Pile, ...], camera: SiteCamera, sun: Sun) -> tuple[Pile, ...]:
    """The piles that may be visible in the view, or cast a shadow into it, with their numbers as
    they were."""
    high_m = max((pile.exposed_m + pile.bars_m for pile in piles), default=0.0)
    wide_m = max(
        (max(pile.base_diameter_m, pile.diameter_m, pile.flange_diameter_m) for pile in piles),
        default=0.0,
    )
    return _cull(piles, (wide_m / 2 + LEAN * high_m + NEAR_M, high_m), camera, sun)


def visible_things(
    things: tuple[Distractor, ...], camera: SiteCamera, sun: Sun
) -> tuple[Distractor, ...]:
    """The distractors that may be visible in the view, or cast a shadow into it."""
    return _cull(things, MAX_THING_M, camera, sun)


def visible_assets(
    placed_assets: tuple[PlacedAsset, ...], assets: tuple[Asset, ...], camera: SiteCamera, sun: Sun
) -> tuple[PlacedAsset, ...]:
    """The user's own models that may be visible in the view, or cast a shadow into it."""
    radius_m = max((float(np.hypot(*asset.size_m[:2])) / 2 for asset in assets), default=0.0)
    return _cull(
        placed_assets,
        (radius_m, max((asset.size_m[2] for asset in assets), default=0.0)),
        camera,
        sun,
    )


def _cull(
    things: tuple[_Thing, ...], size_m: tuple[float, float], camera: SiteCamera, sun: Sun
) -> tuple[_Thing, ...]:
    """`size_m`: radius and height of the largest."""
    radius_m, high_m = size_m
    feet = np.array([(thing.x_m, thing.y_m, thing.ground_m) for thing in things]).reshape(-1, 1, 3)
    flat = sun.direction[:2] / np.linalg.norm(sun.direction[:2])
    shadow_m = min(high_m / np.tan(np.radians(sun.elevation_deg)), MAX_SHADOW_M)
    up = STEPS[:, None] * np.array([0, 0, high_m])
    away = STEPS[:, None] * np.array([*(-flat * shadow_m), 0])
    points = (feet + np.concatenate([up, away])).reshape(-1, 3)
    depth = camera.depth_of(points)
    margin_px = (
        (radius_m + max(shadow_m, high_m) / len(STEPS))
        * camera.focal_px
        / np.maximum(depth, NEAR_M)
    )
    margin_px += LENS_FRACTION * np.hypot(camera.sensor_width_px, camera.sensor_height_px) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = camera.pixel_of(points)
    beyond = np.maximum(-pixels, pixels - [camera.width_px, camera.height_px]).max(axis=1)
    is_near = (depth > NEAR_M) & (beyond < margin_px)
    visible = is_near.reshape(len(things), 2 * len(STEPS)).any(axis=1)
    return tuple(thing for thing, is_visible in zip(things, visible, strict=True) if is_visible)
