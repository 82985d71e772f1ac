"""Triangles of models: which way they face, and from which sides they must be seen.

Renderers drop faces seen from behind. Solids are turned inside out if need be; leaves, cloth and sheets, which are
single faces, get a second one behind them.
"""

import numpy as np

SHEET_M = 0.001
"""How far behind a sheet its back is: two faces in one place would shade one another."""
WELD_SHARE = 1e-5


def is_closed(corners: np.ndarray) -> bool:
    """True if the (t, 3, 3) triangles enclose a volume: every edge is there once in each direction."""
    step = max(float(np.abs(corners).max()) * WELD_SHARE, 1e-9)
    places = np.rint(corners.reshape(-1, 3) / step).astype(np.int64)
    names = np.unique(places @ [1 << 42, 1 << 21, 1], return_inverse=True)[1].reshape(-1, 3)
    names = names[(names[:, 0] != names[:, 1]) & (names[:, 1] != names[:, 2]) & (names[:, 2] != names[:, 0])]
    count = int(names.max(initial=0)) + 1
    start, end = names.reshape(-1), np.roll(names, -1, axis=1).reshape(-1)
    there, back = np.sort(start * count + end), np.sort(end * count + start)
    return len(there) > 0 and bool(np.array_equal(there, back))


def volume(corners: np.ndarray) -> float:
    """Signed volume; positive if the triangles are counter-clockwise seen from outside."""
    middle = corners - corners.reshape(-1, 3).mean(axis=0)
    return float((middle[:, 0] * np.cross(middle[:, 1], middle[:, 2])).sum() / 6)


def face_normals(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals, (t, 3), and areas, (t,), of (t, 3, 3) triangles; the normal of one without an area points up."""
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(across, axis=1)
    units = np.where(lengths[:, None] > 0, across / np.maximum(lengths, 1e-300)[:, None], (0.0, 0.0, 1.0))
    return units, lengths / 2


def flipped(corners: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The other side of triangles and of their corners' normals, (t, 3, 3) both."""
    return corners[:, ::-1], -normals[:, ::-1]


def backs(corners: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The backs of sheets, a millimetre behind them."""
    own = face_normals(corners)[0]
    return flipped(corners - SHEET_M * own[:, None, :], normals)
