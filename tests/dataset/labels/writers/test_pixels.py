"""Labels per pixel: masks, depth, normals, HDF5, read back with Pillow, OpenCV and h5py."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from engine.dataset.labels.writers.hdf5 import hdf5_bytes, more_arrays
from engine.dataset.labels.writers.pixels import (
    class_mask,
    depth_png,
    encode_mask,
    instance_mask,
    normals_of,
    normals_png,
)
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.sensor.lens import Lens
from tests.dataset.labels.small_records import HEIGHT_PX, WIDTH_PX, site


def test_masks_hold_number_and_class_of_each_visible_pixel() -> None:
    numbers = cv2.imdecode(np.frombuffer(encode_mask(instance_mask(site())), np.uint8), cv2.IMREAD_UNCHANGED)
    with Image.open(io.BytesIO(encode_mask(class_mask(site())))) as image:
        assert image.mode == "L"
        classes = np.asarray(image)
    assert (numbers.dtype, numbers.shape, classes.shape) == (np.uint16, (HEIGHT_PX, WIDTH_PX), numbers.shape)
    assert {number: (numbers == number).sum() for number in np.unique(numbers)[1:]} == {
        one.number: one.area_px for one in site().labelled
    }
    assert np.array_equal(classes, np.choose(np.searchsorted([1, 9], numbers, side="right"), [0, 1, 2]))


def test_depth_is_in_centimetres_and_zero_where_it_cannot_be_told() -> None:
    depth = np.array([[99.994, 0.5, 655.35], [np.inf, 700.0, np.nan]], np.float32)
    seen = cv2.imdecode(np.frombuffer(depth_png(depth), np.uint8), cv2.IMREAD_UNCHANGED)
    assert seen.dtype == np.uint16
    assert seen.tolist() == [[9999, 50, 65535], [0, 0, 0]]


def tangents_of(camera: SiteCamera) -> np.ndarray:
    row, column = np.mgrid[: camera.height_px, : camera.width_px] + 0.5
    pixels = np.stack([column - camera.center_px[0], camera.center_px[1] - row], axis=2)
    return pixels / camera.focal_px


def depth_of(camera: SiteCamera, slope: float, step_m: float) -> np.ndarray:
    """Depth of ground that rises by `slope` to the east, with a ledge of `step_m` north of the middle."""
    row, column = np.mgrid[: camera.height_px, : camera.width_px] + 0.5
    x, y = column - camera.center_px[0], camera.center_px[1] - row
    z = np.where(y > 0, step_m, 0.0)
    return (camera.height_m - z) / (1 + slope * x / camera.focal_px)


def test_normals_point_to_the_camera_and_keep_their_edges() -> None:
    camera = SiteCamera(width_px=61, height_px=40, height_m=50.0)
    depth = depth_of(camera, slope=0.2, step_m=3.0)
    normals = normals_of(depth, tangents_of(camera))
    expected = np.array([-0.2, 0, 1]) / np.hypot(0.2, 1)
    assert np.abs(normals - expected).max() < 1e-5
    depth[5, 5] = np.inf
    assert normals_of(depth, tangents_of(camera))[5, 5].tolist() == [0, 0, 0]


def test_normals_are_encoded_alike_in_all_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = SiteCamera(width_px=30, height_px=50, height_m=50.0)
    depth = depth_of(camera, slope=0.5, step_m=0.0) + np.random.default_rng(0).normal(0, 0.1, (50, 30))
    whole = normals_png(depth, camera.focal_px, camera.center_px)
    monkeypatch.setattr("engine.dataset.labels.writers.pixels.BAND_ROWS", 7)
    assert normals_png(depth, camera.focal_px, camera.center_px) == whole
    with Image.open(io.BytesIO(whole)) as image:
        vectors = np.asarray(image) / 127.5 - 1
    assert np.abs(vectors - normals_of(depth, tangents_of(camera))).max() < 0.005


def test_hdf5_holds_classes_and_keypoints_beside_the_picture() -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(io.BytesIO(hdf5_bytes(more_arrays(site())))) as file:
        assert sorted(file) == ["category_id_segmaps", "keypoints"]
        assert np.array_equal(file["category_id_segmaps"][:], class_mask(site()))
        assert file["keypoints"][:].tolist() == [[1, 56, 46, 2], [2, 82, 25, 2]]


def test_normals_of_level_ground_point_up_through_a_lens_that_bends() -> None:
    """The depth of tilted ground, as a lens shows it, gives one direction all over the picture."""
    camera = SiteCamera(width_px=80, height_px=60, height_m=50.0, field_of_view_deg=70)
    lens = Lens(width_px=80, height_px=60, focal_px=camera.focal_px, center_px=camera.center_px, k1=-0.08, k2=0.0)
    row, column = np.mgrid[:60, :80] + 0.5
    x = lens.backward(np.stack([column.ravel(), row.ravel()], axis=1))[:, 0].reshape(60, 80) - camera.center_px[0]
    depth = camera.height_m / (1 + 0.4 * x / camera.focal_px)
    expected = np.array([-0.4, 0, 1]) / np.hypot(0.4, 1)
    for pinhole, is_right in ((lens.backward, True), (lambda pixels: pixels, False)):
        with Image.open(io.BytesIO(normals_png(depth, camera.focal_px, camera.center_px, pinhole))) as image:
            vectors = np.asarray(image) / 127.5 - 1
        assert (np.abs(vectors - expected).max() < 0.006) == is_right
