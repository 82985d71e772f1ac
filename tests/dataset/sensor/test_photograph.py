"""Whole photographs: bytes, files, EXIF and XMP."""

import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, JpegImagePlugin
from scipy.spatial.transform import Rotation

from engine.dataset.geometry.batches import Rendered
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene, Sun
from engine.dataset.sensor.effects import SensorOptions
from engine.dataset.sensor.photograph import Photograph, photograph
from tests.dataset.sensor.cards import CAMERA, card, scene_with, take_photo

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
PIX4D, DJI = "{http://pix4d.com/camera/1.0/}", "{http://www.dji.com/drone-dji/1.0/}"
FLYING = SiteCamera(
    width_px=160,
    height_px=120,
    height_m=83.5,
    yaw_deg=215,
    pitch_deg=20,
    roll_deg=7,
    x_m=40,
    y_m=-25,
)


def soil(scene: SiteScene) -> Rendered:
    shape = (scene.camera.height_px, scene.camera.width_px, 3)
    colors = (
        np.random.default_rng(3).normal((150, 110, 80), 12, shape).clip(0, 255).astype(np.uint8)
    )
    return replace(card(0)(scene), colors=colors)


@pytest.fixture(scope="module")
def mild() -> Photograph:
    return take_photo(soil, "mild", camera=FLYING)


def opened(photo: Photograph) -> JpegImagePlugin.JpegImageFile:
    assert photo.content is not None
    picture = Image.open(io.BytesIO(photo.content))
    assert isinstance(picture, JpegImagePlugin.JpegImageFile)
    return picture


def xmp_of(photo: Photograph) -> dict[str, str]:
    found = ElementTree.fromstring(opened(photo).info["xmp"].decode("utf-8")).find(
        f".//{RDF}Description"
    )
    assert found is not None
    return found.attrib


def test_none_is_the_renderer_s_own_picture() -> None:
    picture: list[Rendered] = []

    def render(scene: SiteScene) -> Rendered:
        picture.append(soil(scene))
        return picture[0]

    photo = take_photo(render, "none")
    assert photo.rendered is picture[0]
    assert (photo.suffix, photo.content, photo.effects) == (".png", None, {})


@pytest.mark.parametrize("effects", ["mild", "strong"])
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(effects: str) -> None:
    one, again, other = (take_photo(soil, effects, seed=seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert one.content == again.content and one.effects == again.effects
    assert one.content != other.content and one.effects != other.effects


def test_the_views_of_a_scene_have_one_lens() -> None:
    one, other = (take_photo(soil, "mild", seed=(1, 2, view)).effects for view in (0, 1))
    assert one["lens"] == other["lens"] and one["exposure"] != other["exposure"]


def test_the_bytes_do_not_depend_on_the_number_of_threads(mild: Photograph) -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        assert take_photo(soil, "mild", camera=FLYING).content == mild.content
    finally:
        cv2.setNumThreads(before)


def test_the_file_is_a_jpeg_with_colour_at_half_size_and_the_drawn_quality(
    mild: Photograph,
) -> None:
    picture = opened(mild)
    assert picture.size == (160, 120)
    assert JpegImagePlugin.get_sampling(picture) == 2  # 4:2:0
    same = io.BytesIO()
    Image.new("RGB", (16, 16)).save(same, "JPEG", quality=mild.effects["jpeg"], subsampling=2)
    assert picture.quantization == Image.open(same).quantization and mild.suffix == ".jpg"


def test_exif_has_the_camera_and_the_position(mild: Photograph) -> None:
    exif = opened(mild).getexif()
    camera, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert exif[ExifTags.Base.Make] == "Multiverse"
    assert exif[ExifTags.Base.Model] == "Synthetic drone camera"
    assert (camera[ExifTags.Base.ExifImageWidth], camera[ExifTags.Base.ExifImageHeight]) == (
        160,
        120,
    )
    per_mm = camera[ExifTags.Base.FocalPlaneXResolution] / 10
    assert float(camera[ExifTags.Base.FocalLength] * per_mm) == pytest.approx(
        FLYING.focal_px, rel=1e-3
    )
    assert camera[ExifTags.Base.FocalLengthIn35mmFilm] == 18  # 90 degrees across
    assert float(camera[ExifTags.Base.ExposureBiasValue]) == pytest.approx(
        mild.effects["exposure"], abs=1e-4
    )
    assert 1 / 4000 <= camera[ExifTags.Base.ExposureTime] <= 1 / 60
    assert 100 <= camera[ExifTags.Base.ISOSpeedRatings] <= 800
    latitude, longitude = (float(d + m / 60 + s / 3600) for d, m, s in (gps[2], gps[4]))
    home = opened(take_photo(soil, "mild")).getexif().get_ifd(ExifTags.IFD.GPSInfo)
    home_latitude, home_longitude = (float(d + m / 60 + s / 3600) for d, m, s in (home[2], home[4]))
    assert (latitude - home_latitude) * 111_000 == pytest.approx(-25, rel=0.01)
    assert (longitude - home_longitude) * 111_320 * np.cos(np.radians(latitude)) == pytest.approx(
        40, rel=0.01
    )
    assert float(gps[6]) - float(home[6]) == pytest.approx(83.5 - CAMERA.height_m, abs=0.01)


def test_exif_has_the_position_and_the_time_of_the_sun() -> None:
    def ifds(sun: Sun) -> tuple[Image.Exif, dict[int, Any], dict[int, Any]]:
        scene = replace(scene_with(CAMERA), sun=sun)
        content = photograph(scene, SensorOptions(camera_effects="jpeg=90"), (7, 3), soil).content
        assert content is not None
        exif = Image.open(io.BytesIO(content)).getexif()
        return exif, exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)

    sun = Sun(elevation_deg=40, azimuth_deg=100, energy=2)
    exif, camera, gps = ifds(replace(sun, latitude_deg=-33.5, date="2024-02-29", solar_hour=9.505))
    assert (
        exif[ExifTags.Base.DateTime]
        == camera[ExifTags.Base.DateTimeOriginal]
        == "2024:02:29 09:30:18"
    )
    assert (gps[1], [float(part) for part in gps[2]]) == ("S", [33, 30, 0])
    exif, camera, gps = ifds(sun)
    assert ExifTags.Base.DateTimeOriginal not in camera and ExifTags.Base.DateTime not in exif
    assert gps[1] == "N"


def test_exif_and_xmp_lie_within_the_first_segments_in_this_order(mild: Photograph) -> None:
    assert mild.content is not None and mild.content[:4] == b"\xff\xd8\xff\xe1"
    assert mild.content[6:12] == b"Exif\0\0"
    assert mild.content.index(b"http://ns.adobe.com/xap/1.0/\0") < mild.content.index(b"\xff\xdb")
    assert b"JFIF" not in mild.content


@pytest.mark.parametrize(
    "camera",
    [
        CAMERA,
        FLYING,
        replace(CAMERA, yaw_deg=-40, pitch_deg=60),
        replace(CAMERA, yaw_deg=90, roll_deg=-15),
    ],
)
def test_xmp_has_the_direction_of_the_camera(camera: SiteCamera) -> None:
    """As Pix4D and OpenDroneMap count: an aircraft turned by yaw, pitch and roll, whose camera
    looks down."""
    xmp = xmp_of(take_photo(soil, "mild", camera=camera))
    yaw, pitch, roll = (float(xmp[f"{PIX4D}{name}"]) for name in ("Yaw", "Pitch", "Roll"))
    turned = Rotation.from_euler("ZYX", [yaw, pitch, roll], degrees=True)
    to_east_north_up = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
    forward, right, down = (to_east_north_up @ turned.apply(axis) for axis in np.eye(3))
    assert camera.rotation @ right == pytest.approx([1, 0, 0], abs=1e-5)  # the picture's right
    assert camera.rotation @ forward == pytest.approx([0, 1, 0], abs=1e-5)  # its top
    assert camera.rotation @ down == pytest.approx([0, 0, -1], abs=1e-5)  # where it looks


def test_xmp_has_the_pose_and_the_lens(mild: Photograph) -> None:
    xmp = xmp_of(mild)
    own = {name.rpartition("}")[2]: value for name, value in xmp.items() if "multiverse" in name}
    assert float(own["GimbalYawDegree"]) == -145 and float(own["GimbalPitchDegree"]) == -70
    assert float(own["GimbalRollDegree"]) == 7 and float(xmp[f"{DJI}RelativeAltitude"]) == 83.5
    dewarp = [float(value) for value in xmp[f"{DJI}DewarpData"].partition(";")[2].split(",")]
    lens = mild.effects["lens"]
    assert dewarp == pytest.approx(
        [lens["focal_px"], lens["focal_px"], 0, 0, lens["k1"], lens["k2"], 0, 0, 0]
    )
    assert not any(name.startswith(f"{DJI}Gimbal") for name in xmp), (
        "OpenDroneMap misreads them without DJI's make"
    )
