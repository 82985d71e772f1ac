"""The uniform block `View` of view.glsl, which every shader reads."""

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from engine.jobs.dataset.light import Light
from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.description import GroundLook, Sun, Terrain

SPARE_PX = 1024
"""Margin of a tile's viewport on each side: larger than any triangle in the picture."""
GRASS_NOISE_DEVIATION = 0.32  # of the grass noise in ground_look.glsl


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSpace:
    """Bounds of the shadow maps in sheared metres: x and y where the sun's ray through a point meets z = 0."""

    west_m: float = 0.0
    south_m: float = 0.0
    width_m: float = 1.0
    height_m: float = 1.0
    shear_x: float = 0.0
    """Shift of a shadow per metre of height."""
    shear_y: float = 0.0
    lowest_m: float = 0.0
    highest_m: float = 1.0
    texel_m: float = 1.0
    ground_texel_m: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    camera: SiteCamera
    nearest_m: float
    """Near and far: the range of depths along the camera's axis."""
    farthest_m: float
    sun: Sun
    light: Light
    terrain: Terrain
    ground: GroundLook
    shadow: ShadowSpace
    tile_px: tuple[int, int, int, int] = (0, 0, 1, 1)
    """Left and top of the tile, width and height of the target."""
    plan_pixel_m: float = 0.0
    """0 for the camera's picture. Otherwise for a plan of the ground; `camera` then only gives the size."""

    def at_tile(self, left: int, top: int, width: int, height: int) -> "View":
        return replace(self, tile_px=(left, top, width, height))

    def with_shadow(self, shadow: ShadowSpace) -> "View":
        return replace(self, shadow=shadow)

    def packed(self) -> bytes:
        """The block as 16 rows of 16 bytes, std140."""
        camera, shadow, ground = self.camera, self.shadow, self.ground
        rows = [
            (*camera.center_px, camera.focal_px, 0),
            *np.column_stack([camera.rotation, camera.place_m]),
            self.tile_px,
            (self.nearest_m, self.farthest_m, self.plan_pixel_m, self.terrain.side_m + self.terrain.cell_m),
            (*self.sun.direction, 0),
            (*self.light.sun_rgb, 0),
            (*self.light.sky_rgb, self.light.exposure),
            (shadow.west_m, shadow.south_m, 1 / shadow.width_m, 1 / shadow.height_m),
            (shadow.shear_x, shadow.shear_y, shadow.lowest_m, shadow.highest_m),
            (shadow.texel_m, shadow.ground_texel_m, 0, 0),
            (*ground.soil, SPARE_PX),
            (*ground.subsoil, 0),
            (*ground.grass, _grass_threshold(ground.grass_share)),
        ]
        return np.array(rows, np.float32).tobytes() + np.array([ground.noise_seed, 0, 0, 0], np.uint32).tobytes()


def _grass_threshold(share: float) -> float:
    """The threshold that normal noise exceeds on this share of the ground; far out for 0 and 1."""
    if not 0 < share < 1:
        return 9.0 if share <= 0 else -9.0
    return -GRASS_NOISE_DEVIATION * NormalDist().inv_cdf(share)
