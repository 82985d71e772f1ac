"""Two shadow maps: a fine one of the things and a coarse one of the ground, which needs a larger
bias. They project along the sun's rays onto z = 0 (a shear) and keep the highest z: texels have the
same size at any elevation of the sun, a bias is a height in metres, and a map covers exactly the
window's view."""

import math

import moderngl
import numpy as np

from engine.dataset.raster.device import Device
from engine.dataset.raster.view import ShadowSpace
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import Sun

FINEST_M = 0.025  # a third of the thinnest post's diameter
TEXELS_A_PIXEL = 1.6
GROUND_TEXEL_M = 0.15
MAX_PX = 8192
MARGIN_M = 0.5
STEEPEST = math.tan(math.radians(86))  # limits shadows to their length at 4 degrees of elevation


def fit(
    camera: SiteCamera,
    sun: Sun,
    ground_m: tuple[float, float],
    highest_m: float,
    farthest_m: float,
    largest_px: int,
) -> ShadowSpace:
    """Fit the maps around the camera's view between the lowest ground and the highest z, to the
    depth `farthest_m`."""
    flat = 1 / max(math.tan(math.radians(sun.elevation_deg)), 1 / STEEPEST)
    azimuth = math.radians(sun.azimuth_deg)
    shear_x, shear_y = flat * math.sin(azimuth), flat * math.cos(azimuth)
    seen = camera.slab(ground_m[0], highest_m, farthest_m)
    x, y = seen[:, 0] - seen[:, 2] * shear_x, seen[:, 1] - seen[:, 2] * shear_y
    width_m, height_m = float(np.ptp(x)) + 2 * MARGIN_M, float(np.ptp(y)) + 2 * MARGIN_M
    steepest = float(camera.drops_of(camera.corners_px).max())
    pixel_m = (camera.height_m - ground_m[0]) / max(steepest, 0.1) / camera.focal_px
    largest_px = min(MAX_PX, largest_px)
    texel_m = max(FINEST_M, pixel_m / TEXELS_A_PIXEL, max(width_m, height_m) / largest_px)
    ground_texel_m = max(GROUND_TEXEL_M, texel_m, max(width_m, height_m) / largest_px)
    return ShadowSpace(
        west_m=float(x.min()) - MARGIN_M,
        south_m=float(y.min()) - MARGIN_M,
        width_m=width_m,
        height_m=height_m,
        shear_x=shear_x,
        shear_y=shear_y,
        lowest_m=ground_m[0] - 1,
        highest_m=highest_m + 1,
        texel_m=texel_m,
        ground_texel_m=ground_texel_m,
    )


def make_map(
    device: Device, space: ShadowSpace, texel_m: float
) -> tuple[moderngl.Texture, moderngl.Framebuffer]:
    """Make an empty map, in which nothing casts a shadow, and its target."""
    width_px, height_px = (
        min(math.ceil(side_m / texel_m), MAX_PX, device.largest_px)
        for side_m in (space.width_m, space.height_m)
    )
    texture = device.own(device.context.depth_texture((width_px, height_px)))
    texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    texture.compare_func = "<="
    texture.repeat_x = False
    texture.repeat_y = False
    target = device.framebuffer([], texture)
    target.clear(depth=1.0)
    return texture, target
