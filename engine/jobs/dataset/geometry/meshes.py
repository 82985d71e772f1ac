"""Meshes joined, moved and given their normals."""

from collections.abc import Sequence

import numpy as np

from engine.jobs.dataset.geometry.batches import Mesh


def join(meshes: Sequence[Mesh]) -> Mesh:
    """All of them as one mesh."""
    starts = np.cumsum([0] + [len(mesh.positions) for mesh in meshes[:-1]])
    return Mesh(
        positions=np.concatenate([mesh.positions for mesh in meshes]),
        normals=np.concatenate([mesh.normals for mesh in meshes]),
        triangles=np.concatenate(
            [mesh.triangles + np.uint32(start) for mesh, start in zip(meshes, starts, strict=True)]
        ),
    )


def moved(mesh: Mesh, matrix: np.ndarray) -> Mesh:
    """The mesh through a (4, 4) matrix that does not mirror; normals go through its inverse transpose."""
    matrix = np.asarray(matrix, np.float64)
    normals = mesh.normals @ np.linalg.inv(matrix[:3, :3])
    return Mesh(
        positions=(mesh.positions @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32),
        normals=unit(normals).astype(np.float32),
        triangles=mesh.triangles,
    )


def unit(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) of length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def flat_shaded(corners: np.ndarray) -> Mesh:
    """(t, 3, 3) corners of triangles -> each with its own normal."""
    corners = np.asarray(corners, np.float64)
    faces = unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    return Mesh(
        positions=corners.reshape(-1, 3).astype(np.float32),
        normals=np.repeat(faces, 3, axis=0).astype(np.float32),
        triangles=np.arange(corners.shape[0] * 3, dtype=np.uint32).reshape(-1, 3),
    )


def smooth_shaded(positions: np.ndarray, triangles: np.ndarray) -> Mesh:
    """(v, 3), (t, 3): each vertex takes the mean normal of its faces, weighed by their areas."""
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
