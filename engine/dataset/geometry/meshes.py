"""Transforms, joins and shades meshes. Matrices are for column vectors; (k, 4, 4) is one per
instance."""

from collections.abc import Sequence

import numpy as np

from engine.dataset.geometry.batches import Mesh

# a number per axis: one, or (count,)
Axes = tuple[float | np.ndarray, float | np.ndarray, float | np.ndarray]


def standing(feet: np.ndarray, axes: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Transforms, (k, 4, 4) float64: rotate by `turns`, (k,) radians, about the own z axis, tilt it
    the shortest way onto `axes`, (k, 3), move to `feet`, (k, 3) m."""
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    x, y, z = axes.T
    lean = np.empty((len(feet), 3, 3))
    lean[:, 0] = np.stack([1 - x * x / (1 + z), -x * y / (1 + z), x], axis=1)
    lean[:, 1] = np.stack([-x * y / (1 + z), 1 - y * y / (1 + z), y], axis=1)
    lean[:, 2] = np.stack([-x, -y, z], axis=1)
    frames = np.zeros((len(feet), 4, 4))
    frames[:, :3, :3] = lean @ turned(turns)[:, :3, :3]
    frames[:, :3, 3] = feet
    frames[:, 3, 3] = 1
    return frames


def turned(angles: np.ndarray) -> np.ndarray:
    """Rotate around z by (k,) radians, counter-clockwise seen from above: (k, 4, 4)."""
    angles = np.atleast_1d(np.asarray(angles, np.float64))
    matrices = np.tile(np.eye(4), (len(angles), 1, 1))
    matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(angles)
    matrices[:, 1, 0] = np.sin(angles)
    matrices[:, 0, 1] = -matrices[:, 1, 0]
    return matrices


def around(sides: int) -> np.ndarray:
    """Angles of a full turn, (sides,)."""
    return np.arange(sides) * (2 * np.pi / sides)


def polar(
    radius: float | np.ndarray, angle: float | np.ndarray, z: float | np.ndarray
) -> np.ndarray:
    """Points, (..., 3), from their distance from the z axis, their angle around it, and their
    height."""
    return np.stack(np.broadcast_arrays(radius * np.cos(angle), radius * np.sin(angle), z), axis=-1)


def sized(count: int, size: Axes, at: Axes = (0, 0, 0)) -> np.ndarray:
    """Scale along the own axes, then move: (count, 4, 4). Each number is for all instances, or
    (count,)."""
    matrices = np.tile(np.eye(4), (count, 1, 1))
    for axis in range(3):
        matrices[:, axis, axis] = size[axis]
        matrices[:, axis, 3] = at[axis]
    return matrices


def put(
    size: tuple[float, float, float], at: tuple[float, float, float], turn: float = 0.0
) -> np.ndarray:
    """Scale, rotate around z, then move: (4, 4)."""
    matrix: np.ndarray = turned(np.array([turn]))[0] @ np.diag([*size, 1.0])
    matrix[:3, 3] = at
    return matrix


def sideways(size: tuple[float, float, float], at: tuple[float, float, float]) -> np.ndarray:
    """(4, 4): lay the own z axis along y: a cylinder of length 1 is an axle around `at`; `size` in
    the world."""
    lay = np.array([[1, 0, 0, 0], [0, 0, 1, -0.5], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)
    matrix = np.diag([*size, 1.0]) @ lay
    matrix[:3, 3] += at
    return matrix


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Concatenate meshes into one."""
    starts = np.cumsum([0] + [len(mesh.positions) for mesh in meshes[:-1]])
    return Mesh(
        positions=np.concatenate([mesh.positions for mesh in meshes]),
        normals=np.concatenate([mesh.normals for mesh in meshes]),
        triangles=np.concatenate(
            [mesh.triangles + np.uint32(start) for mesh, start in zip(meshes, starts, strict=True)]
        ),
    )


def moved(mesh: Mesh, matrix: np.ndarray) -> Mesh:
    """Transform a mesh by a (4, 4) matrix that does not mirror; normals by its inverse
    transpose."""
    matrix = np.asarray(matrix, np.float64)
    normals = mesh.normals @ np.linalg.inv(matrix[:3, :3])
    return Mesh(
        positions=(mesh.positions @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32),
        normals=unit(normals).astype(np.float32),
        triangles=mesh.triangles,
    )


def unit(vectors: np.ndarray) -> np.ndarray:
    """Normalise (..., 3) vectors to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def flat_shaded(corners: np.ndarray) -> Mesh:
    """A mesh of triangles from (t, 3, 3) corners, with one normal per face."""
    corners = np.asarray(corners, np.float64)
    faces = unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    return Mesh(
        positions=corners.reshape(-1, 3).astype(np.float32),
        normals=np.repeat(faces, 3, axis=0).astype(np.float32),
        triangles=np.arange(corners.shape[0] * 3, dtype=np.uint32).reshape(-1, 3),
    )


def smooth_shaded(positions: np.ndarray, triangles: np.ndarray) -> Mesh:
    """A mesh from (v, 3) positions and (t, 3) triangles; vertex normals average face normals,
    weighted by area."""
    positions = np.asarray(positions, np.float64)
    corners = positions[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(positions)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], faces)
    return Mesh(
        positions=positions.astype(np.float32),
        normals=unit(normals).astype(np.float32),
        triangles=np.asarray(triangles, np.uint32),
    )
