"""Labels per pixel: masks and depth, read back with Pillow and OpenCV."""

import io

import cv2
import numpy as np
from PIL import Image

from engine.dataset.labels.writers.pixels import class_mask, depth_units, encode_mask, instance_mask
from tests.dataset.labels.small_records import HEIGHT_PX, WIDTH_PX, site


def test_masks_hold_number_and_class_of_each_visible_pixel() -> None:
    numbers = cv2.imdecode(
        np.frombuffer(encode_mask(instance_mask(site())), np.uint8), cv2.IMREAD_UNCHANGED
    )
    with Image.open(io.BytesIO(encode_mask(class_mask(site())))) as image:
        assert image.mode == "L"
        classes = np.asarray(image)
    assert (numbers.dtype, numbers.shape, classes.shape) == (
        np.uint16,
        (HEIGHT_PX, WIDTH_PX),
        numbers.shape,
    )
    assert {number: (numbers == number).sum() for number in np.unique(numbers)[1:]} == {
        one.number: one.area_px for one in site().labelled
    }
    assert np.array_equal(
        classes, np.choose(np.searchsorted([1, 9], numbers, side="right"), [0, 1, 2])
    )


def test_depth_is_in_centimetres_and_zero_where_it_is_unknown() -> None:
    depth = np.array([[99.994, 0.5, 655.35], [np.inf, 700.0, np.nan]], np.float32)
    seen = cv2.imdecode(
        np.frombuffer(encode_mask(depth_units(depth)), np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert seen.dtype == np.uint16 and seen.tolist() == [[9999, 50, 65535], [0, 0, 0]]
