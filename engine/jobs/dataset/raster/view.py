"""The numbers that every shader reads: the uniform block `View` of view.glsl, row by row."""

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from engine.jobs.dataset.light import Light
from engine.jobs.dataset.scene.description import Camera, GroundLook, Sun, Terrain

SPARE_PX = 1024
"""By so much a tile's viewport is wider than the tile on each side: more than any triangle in the picture."""
GRASS_NOISE_DEVIATION = 0.32  # of the noise in ground_look.glsl that decides where grass grows


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSpace:
    """Where the shadow maps lie, in sheared metres: x and y of where the sun's ray through a point meets z = 0."""

    west_m: float = 0.0
    south_m: float = 0.0
    width_m: float = 1.0
    height_m: float = 1.0
    shear_x: float = 0.0
    """How far a shadow's place moves for each metre of height."""
    shear_y: float = 0.0
    lowest_m: float = 0.0
    highest_m: float = 1.0
    texel_m: float = 1.0
    ground_texel_m: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    camera: Camera
    nearest_m: float
    """Depths below the camera between which everything lies."""
    farthest_m: float
    sun: Sun
    light: Light
    terrain: Terrain
    ground: GroundLook
    shadow: ShadowSpace
    tile_px: tuple[int, int, int, int] = (0, 0, 1, 1)
    """Left, top, and the target's width and height."""
    plan_pixel_m: float = 0.0
    """0: the camera's picture. Otherwise a plan of the ground, `camera` being its size only."""

    def at_tile(self, left: int, top: int, width: int, height: int) -> "View":
        return replace(self, tile_px=(left, top, width, height))

    def with_shadow(self, shadow: ShadowSpace) -> "View":
        return replace(self, shadow=shadow)

    def packed(self) -> bytes:
        """13 rows of 16 bytes, std140."""
        camera, shadow, ground = self.camera, self.shadow, self.ground
        rows = [
            (camera.width_px, camera.height_px, camera.focal_px, camera.height_m),
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
    """What a normal noise exceeds on so much of the ground; far out for none and for all."""
    if not 0 < share < 1:
        return 9.0 if share <= 0 else -9.0
    return -GRASS_NOISE_DEVIATION * NormalDist().inv_cdf(share)
