"""The terrain's mesh on the GPU, in chunks of which a tile draws only those that it may see."""

import moderngl
import numpy as np

from engine.dataset.geometry.batches import Mesh
from engine.dataset.raster.device import Device
from engine.dataset.raster.tiles import Tile, boxes_in_picture, corners_of
from engine.dataset.scene.description import Camera, Terrain

CHUNK_M = 16.0
VERTEX = ("", "3f in_position", "3f in_plane", "2f in_reach")


class Ground:
    """Each triangle's last vertex is its own: it carries the triangle's plane, flat (plane.glsl)."""

    def __init__(self, device: Device, mesh: Mesh, camera: Camera) -> None:
        self._device = device
        triangles, starts = _in_chunks(mesh)
        corners = mesh.positions[triangles].astype(np.float64)  # (t, 3, 3)
        self._starts = np.append(starts, len(triangles))
        low = np.minimum.reduceat(corners.min(axis=1), starts)
        high = np.maximum.reduceat(corners.max(axis=1), starts)
        self._boxes_px = boxes_in_picture(camera, corners_of(low, high))
        self.lowest_m, self.highest_m = float(low[:, 2].min()), float(high[:, 2].max())
        vertices, index = _own_last_vertices(mesh, triangles, corners, camera.height_m)
        self._vertices, self._index = device.buffer(vertices), device.buffer(index)

    def drawn_by(self, program: moderngl.Program) -> moderngl.VertexArray:
        return self._device.array(program, (self._vertices, VERTEX), index=self._index)

    def draw(self, array: moderngl.VertexArray, tile: Tile) -> None:
        for first, last in _runs(tile.sees(self._boxes_px)):
            start, end = int(self._starts[first]), int(self._starts[last])
            array.render(moderngl.TRIANGLES, vertices=3 * (end - start), first=3 * start)

    def draw_all(self, array: moderngl.VertexArray) -> None:
        array.render(moderngl.TRIANGLES)


def terrain_texture(device: Device, mesh: Mesh, terrain: Terrain) -> moderngl.Texture:
    """Slope east, slope north and z at each vertex of the height field, to be read between them too."""
    count = terrain.heights_m.shape[0]
    texels = np.empty((count * count, 3), np.float32)
    texels[:, :2] = -mesh.normals[:, :2] / mesh.normals[:, 2:]
    texels[:, 2] = mesh.positions[:, 2]
    texture = device.texture((count, count), 3, "f4")
    texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    texture.write(texels)
    return texture


def _in_chunks(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Triangles ordered by the square that they begin in, (t, 3), and where each square's begin, (chunks,)."""
    squares = np.floor(mesh.positions[mesh.triangles[:, 0], :2] / CHUNK_M).astype(np.int64)
    squares -= squares.min(axis=0)
    number = squares[:, 1] * (squares[:, 0].max() + 1) + squares[:, 0]
    order = np.argsort(number, kind="stable")
    _, starts = np.unique(number[order], return_index=True)
    return mesh.triangles[order], starts


def _own_last_vertices(
    mesh: Mesh, triangles: np.ndarray, corners: np.ndarray, camera_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """(v, 8) float32 position, plane and reach; (t, 3) uint32. Vertex t is triangle t's last; the other corners are
    whichever copies there are."""
    count = len(triangles)
    copies = np.full(len(mesh.positions), -1, np.int64)
    copies[triangles[:, 2]] = np.arange(count)
    lone = np.unique(triangles[:, :2])
    lone = lone[copies[lone] < 0]
    copies[lone] = count + np.arange(len(lone))
    relative = corners - np.array([0, 0, camera_m])
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    depths = -relative[:, :, 2]
    vertices = np.zeros((count + len(lone), 8), np.float32)
    vertices[:count, :3] = corners[:, 2]
    vertices[:count, 3:6] = normals / (normals * relative[:, 0]).sum(axis=1, keepdims=True)
    vertices[:count, 6], vertices[:count, 7] = depths.min(axis=1), depths.max(axis=1)
    vertices[count:, :3] = mesh.positions[lone]
    index = np.stack([copies[triangles[:, 0]], copies[triangles[:, 1]], np.arange(count)], axis=1)
    return vertices, index.astype(np.uint32)


def _runs(chosen: np.ndarray) -> list[tuple[int, int]]:
    """Where it is true without a break: first, and one past the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(np.int8), [0]])))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
