"""The terrain's mesh on the GPU, in chunks; a tile draws only chunks that may be visible in it."""

import moderngl
import numpy as np

from engine.dataset.geometry.batches import Mesh
from engine.dataset.raster.device import Device
from engine.dataset.raster.targets import Tile, boxes_in_picture, corners_of
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import Sun, Terrain

CHUNK_M = 16.0
VERTEX = ("", "3f in_position", "3f in_plane", "2f in_reach")


class TerrainMesh:
    """Draws the mesh. Each triangle has a last vertex of its own, with its plane as a flat
    attribute: plane.glsl."""

    def __init__(self, device: Device, mesh: Mesh, camera: SiteCamera, sun: Sun) -> None:
        self._device = device
        lowest_m, highest_m = (
            float(end) for end in (mesh.positions[:, 2].min(), mesh.positions[:, 2].max())
        )
        self.lowest_m = lowest_m
        self.highest_m = highest_m
        triangles = mesh.triangles[self._matters(mesh, camera, sun)]
        triangles, starts = _in_chunks(mesh.positions, triangles)
        self._starts = np.append(starts, len(triangles))
        corners = [mesh.positions[triangles[:, k]] for k in range(3)]
        low = np.minimum.reduceat(
            np.minimum(np.minimum(corners[0], corners[1]), corners[2]), starts
        )
        high = np.maximum.reduceat(
            np.maximum(np.maximum(corners[0], corners[1]), corners[2]), starts
        )
        self._boxes_px = boxes_in_picture(camera, corners_of(low, high))
        vertices, index = _own_last_vertices(mesh.positions, triangles, corners, camera)
        self._vertices = device.buffer(vertices)
        self._index = device.buffer(index)

    def _matters(self, mesh: Mesh, camera: SiteCamera, sun: Sun) -> np.ndarray:
        """(t,) bool: True for triangles that may be visible, or whose shadow may be."""
        shadow_m = (self.highest_m - self.lowest_m) / np.tan(np.radians(sun.elevation_deg))
        farthest_m = float(np.ptp(mesh.positions, axis=0).sum()) + camera.height_m
        seen = camera.slab(self.lowest_m, self.highest_m, farthest_m)[:, :2]
        low, high = seen.min(axis=0) - shadow_m - CHUNK_M, seen.max(axis=0) + shadow_m + CHUNK_M
        # One bit per side of the rectangle; a triangle is outside if all of its corners are beyond
        # the same side.
        x, y = mesh.positions[:, 0], mesh.positions[:, 1]
        beyond = (x < low[0]) + 2 * (x > high[0]).view(np.uint8) + 4 * (y < low[1]).view(np.uint8)
        beyond += 8 * (y > high[1]).view(np.uint8)
        first, second, third = (beyond[mesh.triangles[:, k]] for k in range(3))
        matters: np.ndarray = (first & second & third) == 0
        return matters

    def vertex_array(self, program: moderngl.Program) -> moderngl.VertexArray:
        return self._device.array(program, (self._vertices, VERTEX), index=self._index)

    def draw(self, array: moderngl.VertexArray, tile: Tile) -> None:
        # of runs of chunks
        edges = np.flatnonzero(np.diff(tile.sees(self._boxes_px), prepend=False, append=False))
        for start, end in self._starts[edges].reshape(-1, 2).tolist():
            array.render(moderngl.TRIANGLES, vertices=3 * (end - start), first=3 * start)


def terrain_texture(device: Device, mesh: Mesh, terrain: Terrain) -> moderngl.Texture:
    """Slope east, slope north and z at each vertex of the height field, linearly filtered."""
    count = terrain.heights_m.shape[0]
    texels = np.empty((count * count, 3), np.float32)
    texels[:, :2] = -mesh.normals[:, :2] / mesh.normals[:, 2:]
    texels[:, 2] = mesh.positions[:, 2]
    texture = device.texture((count, count), 3, "f4")
    texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    texture.write(texels)
    return texture


def _in_chunks(positions: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles, (t, 3), sorted by the square of their first vertex, and the start of each
    square's, (chunks,)."""
    squares = np.floor(positions[:, :2] / CHUNK_M).astype(np.int32)
    squares -= squares.min(axis=0)
    number = (squares[:, 1] * (squares[:, 0].max() + 1) + squares[:, 0])[triangles[:, 0]]
    order = np.argsort(number, kind="stable")
    number = number[order]
    return triangles[order], np.flatnonzero(np.diff(number, prepend=-1))


def _own_last_vertices(
    positions: np.ndarray, triangles: np.ndarray, corners: list[np.ndarray], camera: SiteCamera
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices, (v, 8) float32 position, plane and reach, and triangles, (t, 3) uint32: vertex t is
    the last of triangle t, its other corners are any vertices at the same position."""
    count = len(triangles)
    copies = np.full(len(positions), -1, np.int64)
    copies[triangles[:, 2]] = np.arange(count)
    is_needed = np.zeros(len(positions), bool)
    is_needed[triangles[:, 0]] = is_needed[triangles[:, 1]] = True
    lone = np.flatnonzero(is_needed & (copies < 0))
    copies[lone] = count + np.arange(len(lone))
    vertices = np.zeros((count + len(lone), 8), np.float32)
    vertices[:count, :3] = corners[2]
    vertices[count:, :3] = positions[lone]
    x, y, z = (
        corners[0][:, axis].astype(np.float64) - camera.position_m[axis] for axis in range(3)
    )
    (ax, ay, az), (bx, by, bz) = ((corners[k] - corners[0]).T.astype(np.float64) for k in (1, 2))
    normal = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    away = normal[0] * x + normal[1] * y + normal[2] * z
    away[away == 0] = np.inf  # seen edge-on: such a triangle covers no pixel
    for axis in range(3):
        vertices[:count, 3 + axis] = normal[axis] / away
    depth = camera.depth_of(positions)
    depths = [depth[triangles[:, k]] for k in range(3)]
    vertices[:count, 6] = np.minimum(np.minimum(depths[0], depths[1]), depths[2])
    vertices[:count, 7] = np.maximum(np.maximum(depths[0], depths[1]), depths[2])
    index = np.stack([copies[triangles[:, 0]], copies[triangles[:, 1]], np.arange(count)], axis=1)
    return vertices, index.astype(np.uint32)
