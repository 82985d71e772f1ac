"""The terrain as a mesh, and the part of it whose colour is baked for Cycles."""

from dataclasses import dataclass

import numpy as np

from engine.dataset.geometry.batches import Mesh
from engine.dataset.scene.description import SiteScene, Terrain

MAX_BAKED_PX = 8192  # side of a texture, which every GPU supports
MIN_BAKED_PX = 64
MARGIN_M = 2.0
MAX_DEPTHS = 4.0  # reach of the plan towards the horizon, in heights of the camera


def build_terrain_mesh(terrain: Terrain, reach_m: float = 0.0) -> Mesh:
    """A mesh with vertices in [row, column] order like the heights, cells split as in
    `Terrain.height_at`; open at the bottom. The outermost are pulled out to `reach_m` from the
    middle, if that is farther, for views of the horizon."""
    count = terrain.heights_m.shape[0]
    along = np.arange(count) * terrain.cell_m - terrain.side_m / 2
    if reach_m > terrain.side_m / 2:
        along[0] = -reach_m
        along[-1] = reach_m
    positions = np.empty((count, count, 3), np.float32)
    positions[..., 0] = along[None, :]
    positions[..., 1] = along[:, None]
    positions[..., 2] = terrain.heights_m
    north, east = np.gradient(terrain.heights_m.astype(np.float32), np.float32(terrain.cell_m))
    normals = np.stack([-east, -north, np.ones_like(east)], axis=-1)
    normals /= np.sqrt((normals * normals).sum(axis=-1, keepdims=True))
    index = np.arange(count * count, dtype=np.uint32).reshape(count, count)
    south_west = index[:-1, :-1]
    south_east = index[:-1, 1:]
    north_west = index[1:, :-1]
    north_east = index[1:, 1:]
    triangles = np.stack(
        [south_west, south_east, north_east, south_west, north_east, north_west], axis=-1
    )
    return Mesh(
        positions=positions.reshape(-1, 3),
        normals=normals.reshape(-1, 3).astype(np.float32),
        triangles=triangles.reshape(-1, 3),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureArea:
    """A square seen from above, whose texture is baked."""

    side_px: int
    side_m: float
    middle_m: tuple[float, float] = (0.0, 0.0)


def texture_area(scene: SiteScene) -> TextureArea:
    """The whole terrain for a camera that sees it from above the origin; else the square that the
    window shows."""
    camera = scene.camera
    if camera.is_plain and camera.sensor_px is None:
        side_px = min(MAX_BAKED_PX, 1 << (camera.width_px - 1).bit_length())
        return TextureArea(side_px=side_px, side_m=scene.terrain.side_m)
    heights_m = scene.terrain.heights_m
    seen = camera.slab(
        float(heights_m.min()), float(heights_m.max()), MAX_DEPTHS * camera.height_m
    )[:, :2]
    low, high = seen.min(axis=0) - MARGIN_M, seen.max(axis=0) + MARGIN_M
    side_m = float((high - low).max())
    pixel_m = camera.gsd_m / max(float(camera.drops_of(camera.corners_px).max()), 0.1)
    side_px = int(np.clip(side_m / pixel_m, MIN_BAKED_PX, MAX_BAKED_PX))
    side_m = max(side_m, side_px * pixel_m)
    # bake_ground_texture moves its window by whole pixels, so the middle lies on one
    step_m = side_m / side_px
    x_m, y_m = (float(np.round(middle / step_m) * step_m) for middle in (low + high) / 2)
    return TextureArea(side_px=side_px, side_m=side_m, middle_m=(x_m, y_m))
