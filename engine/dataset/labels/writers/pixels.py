"""Formats with a value per pixel, as PNG: masks of instances and classes, depth, and directions of surfaces."""

from collections.abc import Callable
from functools import partial

import numpy as np

from engine.dataset.labels.picture_file import encode_png
from engine.dataset.labels.record import PictureRecord
from engine.dataset.labels.source import DatasetContents, LabelSource
from engine.dataset.labels.writers.protocol import PictureWriter
from engine.dataset.sensor.photograph import to_pinhole
from engine.errors import SinkError

Pinhole = Callable[[np.ndarray], np.ndarray]  # (n, 2) pixels of the photograph to those of the pinhole camera
PNG_LEVEL = 3  # flat areas: a higher level is slower and hardly smaller
UNITS_PER_M = 100  # centimetres: 655 m fit, and a drone may fly at 500; millimetres would end at 65 m
MAX_UNITS = 65535
BAND_ROWS = 128  # rows at once, so that a picture of 21 megapixels does not need a gigabyte
DEPTH_README = """\
16-bit PNG: distance along the camera's axis in centimetres (metres = value / 100). 0: no value, or above 655.35 m.
--write hdf5 has the same as 32-bit floats in metres.
"""
NORMALS_README = """\
8-bit PNG, R G B = x y z of the surface's normal in camera space: x right, y up, z towards the camera; 0..255 for -1..1.
128 128 128 is no normal. Computed from the depth, so they are flat where the depth is noisy or far.
"""


def writer_of(name: str) -> PictureWriter:
    if name == "depth":
        return PictureWriter(
            name=name,
            kinds=(("depth", ".png"),),
            make=lambda source: (depth_png(source.photograph.rendered.depth_m),),
            readme=lambda contents: DEPTH_README,
        )
    if name == "normals":
        return PictureWriter(
            name=name,
            kinds=(("normals", ".png"),),
            make=lambda source: (_normals(source),),
            readme=lambda contents: NORMALS_README,
        )
    return PictureWriter(
        name=name,
        kinds=(("masks/instances", ".png"), ("masks/classes", ".png")),
        make=lambda source: (encode_mask(instance_mask(source.record)), encode_mask(class_mask(source.record))),
        readme=_readme_of_masks,
    )


def instance_mask(record: PictureRecord) -> np.ndarray:
    """(height, width) uint16: the number of the labelled thing at each pixel, 0 for none."""
    return _painted(record, [thing.number for thing in record.labelled], np.uint16)


def class_mask(record: PictureRecord) -> np.ndarray:
    """(height, width) uint8: 1 + the YOLO number of the class of the labelled thing, 0 for the background."""
    return _painted(record, [1 + thing.class_id for thing in record.labelled], np.uint8)


def encode_mask(mask: np.ndarray) -> bytes:
    """Encode (height, width) uint8 or uint16 as PNG of one channel, without loss."""
    import cv2

    is_done, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not is_done:
        raise SinkError("OpenCV could not encode a mask")
    return data.tobytes()


def _painted(record: PictureRecord, values: list[int], kind: type[np.unsignedinteger]) -> np.ndarray:
    mask = np.zeros((record.height_px, record.width_px), kind)
    for thing, value in zip(record.labelled, values, strict=True):
        x0, y0, x1, y1 = (round(edge) for edge in thing.box)
        mask[y0:y1, x0:x1][thing.mask] = value
    return mask


def _readme_of_masks(contents: DatasetContents) -> str:
    classes = "\n".join(f"  {number}  {name}" for number, name in enumerate(contents.options.class_names, 1))
    return f"""\
instances/  16-bit PNG: the number of the labelled thing at each pixel, 0 for none; the same in all views of a scene.
classes/    8-bit PNG, the values of COCO's category_id:
  0  background
{classes}
"""


def depth_png(depth_m: np.ndarray) -> bytes:
    """Encode (height, width) float32 metres along the camera's axis as centimetres; 0: no value, or above 655.35 m."""
    return encode_mask(depth_units(depth_m))


def depth_units(depth_m: np.ndarray) -> np.ndarray:
    """(height, width) uint16 centimetres, rounded."""
    units = np.rint(np.nan_to_num(depth_m, nan=0, posinf=0, neginf=0).astype(np.float64) * UNITS_PER_M)
    return np.where((units >= 0) & (units <= MAX_UNITS), units, 0).astype(np.uint16)


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
