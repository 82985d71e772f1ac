"""Directions of surfaces as PNG, computed from depth."""

from collections.abc import Callable
from functools import partial

import numpy as np

from engine.jobs.dataset.labels.picture_file import encode_png
from engine.jobs.dataset.labels.source import LabelSource
from engine.jobs.dataset.labels.writers.per_picture import PictureWriter
from engine.jobs.dataset.sensor.photograph import to_pinhole

Pinhole = Callable[[np.ndarray], np.ndarray]
"""(n, 2) pixels of the photograph to those of the pinhole camera."""
BAND_ROWS = 128  # rows at once, so that a picture of 21 megapixels does not need a gigabyte


README = """\
8-bit PNG, R G B = x y z of the surface's normal in camera space: x right, y up, z towards the camera; 0..255 for -1..1.
128 128 128 is no normal. Computed from the depth, so they are flat where the depth is noisy or far.
"""


def writer_of(name: str) -> PictureWriter:
    return PictureWriter(
        name=name,
        kinds=(("normals", ".png"),),
        make=lambda source: (_normals(source),),
        readme=lambda contents: README,
    )


def _normals(source: LabelSource) -> bytes:
    scene, photograph = source.scene, source.photograph
    pinhole = partial(to_pinhole, scene, photograph.effects)
    return normals_png(photograph.rendered.depth_m, scene.camera.focal_px, scene.camera.center_px, pinhole)


def normals_png(
    depth_m: np.ndarray, focal_px: float, center_px: tuple[float, float], pinhole: Pinhole = lambda pixels: pixels
) -> bytes:
    """Encode `normals_of` as RGB: 0..255 for -1..1, so a surface towards the camera is (128, 128, 255)."""
    height = depth_m.shape[0]
    encoded = np.empty((*depth_m.shape, 3), np.uint8)
    for top in range(0, height, BAND_ROWS):
        bottom = min(height, top + BAND_ROWS)
        first, last = max(top - 1, 0), min(bottom + 1, height)  # with a neighbour on each side
        rows = np.arange(first, last) + 0.5
        normals = normals_of(depth_m[first:last], _tangents(rows, depth_m.shape[1], focal_px, center_px, pinhole))
        normals = normals[top - first : bottom - first]
        encoded[top:bottom] = np.rint((normals + 1) * 127.5)
    return encode_png(encoded)


def normals_of(depth_m: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    """Unit vectors, (height, width, 3) float32, in camera space: x right, y up, z towards the camera.

    `depth_m`, (height, width), is measured along the axis; `tangents`, (height, width, 2), are x and y of each pixel's
    ray at a distance of 1 along it. At an edge in depth the difference is taken on the flatter side, so that things do
    not get slanted rims. Where depth is not finite, or the picture is one pixel wide or high, the normal is (0, 0, 0).
    """
    depth = depth_m.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        points = np.concatenate([depth[..., None] * tangents, -depth[..., None]], axis=2)
        normals = np.cross(_flatter(points, depth, axis=0), _flatter(points, depth, axis=1))
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return np.nan_to_num(normals, nan=0, posinf=0, neginf=0).astype(np.float32)


def _tangents(
    rows: np.ndarray, width_px: int, focal_px: float, center_px: tuple[float, float], pinhole: Pinhole
) -> np.ndarray:
    """(rows, width, 2) x and y of the pixels' rays, straightened as the lens bent them."""
    column, row = np.meshgrid(np.arange(width_px) + 0.5, rows)
    pixels = pinhole(np.stack([column.ravel(), row.ravel()], axis=1)).reshape(*column.shape, 2)
    tangents: np.ndarray = (pixels - center_px) * (1, -1) / focal_px
    return tangents


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
