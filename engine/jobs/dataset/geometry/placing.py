"""Transforms for unit solids, for column vectors; (k, 4, 4) is one matrix per instance."""

import numpy as np

Axes = tuple[float | np.ndarray, float | np.ndarray, float | np.ndarray]
"""One number per axis: for all instances, or (count,)."""


def standing(feet: np.ndarray, axes: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Rotate about the own z axis, tilt it the shortest way onto `axes`, then move to `feet`.

    feet: (k, 3) metres; axes: (k, 3) directions; turns: (k,) radians. Returns (k, 4, 4) float64.
    """
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


def sized(count: int, size: Axes, at: Axes = (0, 0, 0)) -> np.ndarray:
    """Scale along the own axes, then move: (count, 4, 4). Each number is for all instances, or (count,)."""
    matrices = np.tile(np.eye(4), (count, 1, 1))
    for axis in range(3):
        matrices[:, axis, axis] = size[axis]
        matrices[:, axis, 3] = at[axis]
    return matrices


def put(size: tuple[float, float, float], at: tuple[float, float, float], turn: float = 0.0) -> np.ndarray:
    """Scale, rotate around z, then move: (4, 4)."""
    matrix: np.ndarray = turned(np.array([turn]))[0] @ np.diag([*size, 1.0])
    matrix[:3, 3] = at
    return matrix


def sideways(size: tuple[float, float, float], at: tuple[float, float, float]) -> np.ndarray:
    """Lay the own z axis along y, so that a cylinder of length 1 becomes an axle centred on `at`: (4, 4).

    `size`: along the world's x, y and z.
    """
    lay = np.array([[1, 0, 0, 0], [0, 0, 1, -0.5], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)
    matrix = np.diag([*size, 1.0]) @ lay
    matrix[:3, 3] += at
    return matrix
