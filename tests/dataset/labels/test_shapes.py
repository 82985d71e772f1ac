"""Polygons and rotated boxes of masks."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.dataset.labels.writers.yolo import join_polygons, polygons_of, rotated_box
from tests.dataset.labels.records import thing
from tests.support.long_form import IS_SOAK

masks = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))).filter(np.any)


def filled(pixels: np.ndarray) -> np.ndarray:
    """Fill the holes of a mask: everything that cannot be reached from outside over edges of
    pixels."""
    outside = np.zeros(np.add(pixels.shape, 2), bool)
    outside[0], outside[-1], outside[:, 0], outside[:, -1] = True, True, True, True
    is_free = ~np.pad(pixels, 1)
    for _ in range(pixels.size):
        spread = outside.copy()
        spread[1:] |= outside[:-1]
        spread[:-1] |= outside[1:]
        spread[:, 1:] |= outside[:, :-1]
        spread[:, :-1] |= outside[:, 1:]
        outside = (spread & is_free) | outside
    return ~outside[1:-1, 1:-1]


def painted(polygon: np.ndarray) -> np.ndarray:
    """Fill a polygon as `polygon2mask` of Ultralytics does it: (40, 50) bool."""
    canvas = np.zeros((40, 50), np.uint8)
    cv2.fillPoly(canvas, [np.asarray(polygon, np.int32)], 1)
    return canvas.astype(bool)


@given(pixels=masks)
@settings(max_examples=80 if IS_SOAK else 30)
def test_a_trainer_fills_polygons_to_the_mask_and_its_holes_to_the_pixel(
    pixels: np.ndarray,
) -> None:
    polygons = polygons_of(thing(pixels, 20, 10))
    expected = np.zeros((40, 50), bool)
    expected[10 : 10 + pixels.shape[0], 20 : 20 + pixels.shape[1]] = filled(pixels)
    assert np.array_equal(np.any([painted(polygon) for polygon in polygons], axis=0), expected)
    assert all(len(polygon) >= 3 and np.ptp(polygon, axis=0).all() for polygon in polygons)
    whole = join_polygons(polygons)
    assert not (expected & ~painted(whole)).any()
    if len(polygons) == 1:
        assert np.array_equal(painted(whole), expected)
    assert {tuple(point) for point in whole.tolist()} == {
        tuple(point) for polygon in polygons for point in polygon.tolist()
    }


@given(pixels=masks, right=st.booleans(), low=st.booleans())
@settings(max_examples=60 if IS_SOAK else 30)
def test_a_rotated_box_holds_every_pixel_and_never_leaves_the_picture(
    pixels: np.ndarray, right: bool, low: bool
) -> None:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    tall, wide = pixels.shape
    x0, y0 = (20 - wide) * right, (16 - tall) * low
    corners = rotated_box(thing(pixels, x0, y0), 20, 16)
    assert (corners >= 0).all() and (corners <= (20, 16)).all()
    ahead = np.roll(corners, -1, axis=0) - corners
    centre = corners.mean(axis=0)
    y, x = np.nonzero(pixels)
    for start, side in zip(corners, ahead, strict=True):
        normal = np.array([-side[1], side[0]])
        normal *= np.sign(normal @ (centre - start)) / np.linalg.norm(side)
        for corner in ((0, 0), (1, 0), (0, 1), (1, 1)):
            assert (((np.stack([x + x0, y + y0], 1) + corner - start) @ normal) > -0.02).all()
