"""The terrain as a mesh."""

import numpy as np

from engine.jobs.dataset.geometry.batches import Mesh
from engine.jobs.dataset.scene.description import Terrain


def build_ground(terrain: Terrain, reach_m: float = 0.0) -> Mesh:
    """Vertices in [row, column] order like the heights; cells split as in `Terrain.height_at`. Open at the bottom.

    The outermost vertices are pulled out to `reach_m` from the middle, if that is farther, for views of the horizon.
    """
    count = terrain.heights_m.shape[0]
    along = np.arange(count) * terrain.cell_m - terrain.side_m / 2
    if reach_m > terrain.side_m / 2:
        along[0], along[-1] = -reach_m, reach_m
    positions = np.empty((count, count, 3), np.float32)
    positions[..., 0] = along[None, :]
    positions[..., 1] = along[:, None]
    positions[..., 2] = terrain.heights_m
    north, east = np.gradient(terrain.heights_m.astype(np.float32), np.float32(terrain.cell_m))
    normals = np.stack([-east, -north, np.ones_like(east)], axis=-1)
    normals /= np.sqrt((normals * normals).sum(axis=-1, keepdims=True))
    index = np.arange(count * count, dtype=np.uint32).reshape(count, count)
    south_west, south_east = index[:-1, :-1], index[:-1, 1:]
    north_west, north_east = index[1:, :-1], index[1:, 1:]
    triangles = np.stack([south_west, south_east, north_east, south_west, north_east, north_west], axis=-1)
    return Mesh(
        positions=positions.reshape(-1, 3),
        normals=normals.reshape(-1, 3).astype(np.float32),
        triangles=triangles.reshape(-1, 3),
    )
