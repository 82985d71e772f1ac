"""Directions of surfaces as PNG, computed from depth."""

import numpy as np

from engine.jobs.dataset.labels.picture_file import encode_png
from engine.jobs.dataset.labels.writers.per_picture import PictureWriter

BAND_ROWS = 128  # rows at once, so that a picture of 21 megapixels does not need a gigabyte


README = """\
8-bit PNG, R G B = x y z of the surface's normal in camera space: x right, y up, z towards the camera; 0..255 for -1..1.
128 128 128 is no normal. Computed from the depth, so they are flat where the depth is noisy or far.
"""


def writer_of(name: str) -> PictureWriter:
    return PictureWriter(
        name=name,
        kinds=(("normals", ".png"),),
        make=lambda source: (
            normals_png(
                source.photograph.rendered.depth_m, source.scene.camera.focal_px, source.scene.camera.center_px
            ),
        ),
        readme=lambda contents: README,
    )


def normals_png(depth_m: np.ndarray, focal_px: float, center_px: tuple[float, float]) -> bytes:
    """Encode `normals_of` as RGB: 0..255 for -1..1, so a surface towards the camera is (128, 128, 255)."""
    height = depth_m.shape[0]
    encoded = np.empty((*depth_m.shape, 3), np.uint8)
    for top in range(0, height, BAND_ROWS):
        bottom = min(height, top + BAND_ROWS)
        first, last = max(top - 1, 0), min(bottom + 1, height)  # with a neighbour on each side
        center = (center_px[0], center_px[1] - first)
        normals = normals_of(depth_m[first:last], focal_px, center)[top - first : bottom - first]
        encoded[top:bottom] = np.rint((normals + 1) * 127.5)
    return encode_png(encoded)


def normals_of(depth_m: np.ndarray, focal_px: float, center_px: tuple[float, float]) -> np.ndarray:
    """Unit vectors, (height, width, 3) float32, in camera space: x right, y up, z towards the camera.

    `depth_m`, (height, width), is measured along the axis; `center_px` is the column and row where the axis meets the
    picture. At an edge in depth the difference is taken on the flatter side, so that things do not get slanted rims.
    Where depth is not finite, or the picture is one pixel wide or high, the normal is (0, 0, 0).
    """
    height, width = depth_m.shape
    depth = depth_m.astype(np.float64)
    columns = (np.arange(width) + 0.5 - center_px[0]) / focal_px
    rows = (center_px[1] - np.arange(height) - 0.5) / focal_px
    with np.errstate(invalid="ignore", divide="ignore"):
        points = np.stack([depth * columns, depth * rows[:, None], -depth], axis=2)
        normals = np.cross(_flatter(points, depth, axis=0), _flatter(points, depth, axis=1))
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return np.nan_to_num(normals, nan=0, posinf=0, neginf=0).astype(np.float32)


def _flatter(points: np.ndarray, depth: np.ndarray, axis: int) -> np.ndarray:
    """Difference to the next or from the previous point along `axis`, whichever changes depth less."""
    if depth.shape[axis] < 2:
        return np.full_like(points, np.nan)
    steps, jumps = np.diff(points, axis=axis), np.abs(np.diff(depth, axis=axis))
    first, last = steps.take([0], axis), steps.take([-1], axis)
    before, after = np.concatenate([first, steps], axis), np.concatenate([steps, last], axis)
    edge = np.full_like(jumps.take([0], axis), np.inf)
    is_after = np.concatenate([jumps, edge], axis) <= np.concatenate([edge, jumps], axis)
    chosen: np.ndarray = np.where(is_after[..., None], after, before)
    return chosen
