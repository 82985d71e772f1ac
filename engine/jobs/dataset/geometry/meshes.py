"""Joins meshes, transforms them and computes their normals."""

from collections.abc import Sequence

import numpy as np

from engine.jobs.dataset.geometry.batches import Mesh


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
    """Transform a mesh by a (4, 4) matrix that does not mirror; normals by its inverse transpose."""
    matrix = np.asarray(matrix, np.float64)
    normals = mesh.normals @ np.linalg.inv(matrix[:3, :3])
    return Mesh(
        positions=(mesh.positions @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32),
        normals=unit(normals).astype(np.float32),
        triangles=mesh.triangles,
    )


def unit(vectors: np.ndarray) -> np.ndarray:
    """Normalise (..., 3) vectors to length 1."""
    units: np.ndarray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return units


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
    """A mesh from (v, 3) positions and (t, 3) triangles; vertex normals average face normals, weighted by area."""
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
