"""Encodes a photograph as a drone's camera does: JPEG with colour at half size, EXIF and XMP.

Who reads which metadata:
- OpenDroneMap (opendm/photo.py): EXIF make, model, size, GPS, exposure, FocalLength with
  FocalPlaneXResolution; XMP `Camera:Yaw/Pitch/Roll`, `drone-dji:AbsoluteAltitude`,
  `Camera:GPSXYAccuracy`. It takes drone-dji's gimbal angles first, and turns their pitch (-90 looks
  down) only if the make is DJI or Hasselblad: our make is neither, so they are left out.
- Pix4D ("Specifications of XMP Camera Tags", support.pix4d.com): namespace `Camera`: Yaw, Pitch,
  Roll, PerspectiveFocalLength, PerspectiveDistortion, PrincipalPoint.
- Metashape and orthority: EXIF, `drone-dji:DewarpData`, `CalibratedFocalLength`; orthority takes
  `Camera:Yaw` as well.
- ExifTool lists all of them (Image::ExifTool::DJI, pix4d.config).

`Camera` angles are those of an aircraft that flies towards the picture's top while the camera looks
down (Pix4D, "Yaw, Pitch, Roll and Omega, Phi, Kappa angles"): rotations about down, right and
forward, in this order. Our own namespace has the angles of the gimbal, as DJI counts them, and
metres on the site.
"""

import math
import struct
from typing import Any

import numpy as np

from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene

MAKE = "Multiverse"
MODEL = "Synthetic drone camera"
SOFTWARE = "multiverse dataset"
SENSOR_WIDTH_MM = 17.3  # a Four Thirds sensor, 5280 pixels wide in survey drones
FRAME_35MM = 36.0
F_NUMBER = 2.8
SPEED_M_S = 8.0
FASTEST_S = 1 / 4000
USUAL_S = 1 / 1000
SLOWEST_S = 1 / 60
ISO_OF_NOISE = 100 / 0.006**2  # the noise of ISO 100 is 0.006
# the Loess Plateau
SITE_LATITUDE_DEG = 36.6
SITE_LONGITUDE_DEG = 109.5
SITE_ALTITUDE_M = 1180.0
# WGS 84: radius, first eccentricity squared
EQUATOR_M = 6378137.0
FLATNESS2 = 0.00669437999014

MIN_PARALLEL = 1e-6  # cosine of the latitude; at a pole a metre has no longitude

OWN = "https://multiverse.invalid/synthetic-camera/1.0/"
CAMERA = "http://pix4d.com/camera/1.0/"
DJI = "http://www.dji.com/drone-dji/1.0/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
START = b"\xff\xd8"
APP1 = 0xE1
EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
MAX_SEGMENT = 65533


def encode_jpeg(
    colors: np.ndarray, quality: int, scene: SiteScene, effects: dict[str, Any]
) -> bytes:
    """Encode (height, width, 3) uint8 RGB; 4:2:0. Deterministic for one version of simplejpeg and
    of Pillow."""
    coded = code(colors, quality)
    exif = _segment(EXIF + exif_of(scene, effects, colors.shape[1], colors.shape[0]))
    xmp = _segment(XMP + xmp_of(scene, effects))
    # EXIF comes first, in place of JFIF's segment, as the EXIF standard has it and cameras do.
    has_jfif = coded[2:4] == b"\xff\xe0"
    return (
        START
        + exif
        + xmp
        + coded[4 + int(struct.unpack_from(">H", coded, 4)[0]) if has_jfif else len(START) :]
    )


def code(colors: np.ndarray, quality: int) -> bytes:
    """Encode the JPEG file without metadata."""
    import simplejpeg

    settings = {
        "quality": quality,
        "colorspace": "RGB",
        "colorsubsampling": "420",
        "fastdct": False,
    }
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(colors), **settings))


def _segment(content: bytes) -> bytes:
    assert len(content) <= MAX_SEGMENT
    return struct.pack(">BBH", 0xFF, APP1, len(content) + 2) + content


def exif_of(scene: SiteScene, effects: dict[str, Any], width: int, height: int) -> bytes:
    """Content of the EXIF segment, after its header."""
    from PIL import ExifTags, Image

    camera = scene.camera
    tags = ExifTags.Base
    ifd = ExifTags.IFD
    gps_tags = ExifTags.GPS
    latitude, longitude = position_of(scene)
    exposure_s = _exposure_s(camera, effects)
    per_cm = camera.sensor_width_px / SENSOR_WIDTH_MM * 10
    exif = Image.Exif()
    exif[tags.Make] = MAKE
    exif[tags.Model] = MODEL
    exif[tags.Software] = SOFTWARE
    exif[tags.Orientation] = 1  # the first row is the top: viewers do not rotate it
    exif[tags.XResolution] = exif[tags.YResolution] = 72.0
    exif[tags.ResolutionUnit] = 2
    exif[ifd.Exif] = {
        tags.ExposureTime: exposure_s,
        tags.FNumber: F_NUMBER,
        tags.ISOSpeedRatings: _iso(effects),
        tags.ExifVersion: b"0230",
        tags.ExposureBiasValue: float(effects.get("exposure", 0.0)),
        tags.MeteringMode: 2,
        tags.Flash: 0,
        tags.FocalLength: round(camera.focal_px / camera.sensor_width_px * SENSOR_WIDTH_MM, 3),
        tags.ColorSpace: 1,  # sRGB
        tags.ExifImageWidth: width,
        tags.ExifImageHeight: height,
        tags.FocalPlaneXResolution: round(per_cm, 3),
        tags.FocalPlaneYResolution: round(per_cm, 3),
        tags.FocalPlaneResolutionUnit: 3,  # centimetres
        tags.FocalLengthIn35mmFilm: max(
            1, round(camera.focal_px / max(width, height) * FRAME_35MM)
        ),
    }
    exif[ifd.GPSInfo] = {
        gps_tags.GPSVersionID: b"\x02\x03\x00\x00",
        gps_tags.GPSLatitudeRef: "N" if latitude >= 0 else "S",
        gps_tags.GPSLatitude: _sexagesimal(latitude),
        gps_tags.GPSLongitudeRef: "E" if longitude >= 0 else "W",
        gps_tags.GPSLongitude: _sexagesimal(longitude),
        gps_tags.GPSAltitudeRef: b"\x00",
        gps_tags.GPSAltitude: round(SITE_ALTITUDE_M + camera.height_m, 3),
        gps_tags.GPSMapDatum: "WGS-84",
    }
    captured = time_of(scene)
    if captured:
        exif[tags.DateTime] = exif[ifd.Exif][tags.DateTimeOriginal] = captured
    return exif.tobytes().removeprefix(b"Exif\0\0")


def xmp_of(scene: SiteScene, effects: dict[str, Any]) -> bytes:
    """Content of the XMP packet."""
    camera = scene.camera
    latitude, longitude = position_of(scene)
    yaw, pitch, roll = aircraft_angles_deg(camera)
    lens = effects.get("lens", {})
    k1, k2 = lens.get("k1", 0.0), lens.get("k2", 0.0)
    column, row = camera.center_px
    middle = (column - camera.width_px / 2, row - camera.height_px / 2)
    mm_per_px = SENSOR_WIDTH_MM / camera.sensor_width_px
    focal = camera.focal_px
    values = {
        "Camera:Yaw": f"{yaw:.4f}",
        "Camera:Pitch": f"{pitch:.4f}",
        "Camera:Roll": f"{roll:.4f}",
        "Camera:GPSXYAccuracy": "0.02",
        "Camera:GPSZAccuracy": "0.02",
        "Camera:ModelType": "perspective",
        "Camera:PerspectiveFocalLength": f"{focal * mm_per_px:.6f}",
        "Camera:PerspectiveDistortion": f"{k1:.9f},{k2:.9f},0,0,0",
        "Camera:PrincipalPoint": f"{column * mm_per_px:.6f},{row * mm_per_px:.6f}",
        "drone-dji:GpsLatitude": f"{latitude:.8f}",
        "drone-dji:GpsLongitude": f"{longitude:.8f}",
        "drone-dji:AbsoluteAltitude": f"{SITE_ALTITUDE_M + camera.height_m:+.3f}",
        "drone-dji:RelativeAltitude": f"{camera.height_m:+.3f}",
        "drone-dji:CalibratedFocalLength": f"{focal:.6f}",
        "drone-dji:CalibratedOpticalCenterX": f"{column:.6f}",
        "drone-dji:CalibratedOpticalCenterY": f"{row:.6f}",
        "drone-dji:DewarpFlag": "0",
        "drone-dji:DewarpData": "2000-01-01;"
        + ",".join(f"{value:.12f}" for value in (focal, focal, *middle, k1, k2, 0, 0, 0)),
        "multiverse:GimbalYawDegree": f"{half_turn(camera.yaw_deg):.6f}",
        "multiverse:GimbalPitchDegree": f"{camera.pitch_deg - 90:.6f}",
        "multiverse:GimbalRollDegree": f"{half_turn(camera.roll_deg):.6f}",
        "multiverse:East": f"{camera.x_m:.4f}",
        "multiverse:North": f"{camera.y_m:.4f}",
        "multiverse:RelativeAltitude": f"{camera.height_m:.4f}",
    }
    attributes = "\n".join(f'   {name}="{value}"' for name, value in values.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f' <rdf:RDF xmlns:rdf="{RDF}">\n'
        f'  <rdf:Description rdf:about="" xmlns:Camera="{CAMERA}" xmlns:drone-dji="{DJI}" '
        f'xmlns:multiverse="{OWN}"\n'
        f"{attributes}/>\n"
        ' </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
    ).encode()


def position_of(scene: SiteScene) -> tuple[float, float]:
    """Latitude and longitude of the camera in degrees: metres on the ellipsoid from the site, on
    its sun's latitude."""
    camera = scene.camera
    site_deg = SITE_LATITUDE_DEG if scene.sun.latitude_deg is None else scene.sun.latitude_deg
    latitude = math.radians(site_deg)
    w = math.sqrt(1 - FLATNESS2 * math.sin(latitude) ** 2)
    meridian_m = EQUATOR_M * (1 - FLATNESS2) / w**3
    normal_m = EQUATOR_M / w
    north = math.degrees(camera.y_m / meridian_m)
    east = math.degrees(camera.x_m / (normal_m * max(math.cos(latitude), MIN_PARALLEL)))
    return site_deg + north, half_turn(SITE_LONGITUDE_DEG + east)


def time_of(scene: SiteScene) -> str:
    """Local solar time as EXIF writes it, such as `2024:06:21 14:30:00`; "" if the sun has no
    date."""
    if not scene.sun.date or scene.sun.solar_hour is None:
        return ""
    seconds = round(scene.sun.solar_hour * 3600) % 86400
    return (
        f"{scene.sun.date.replace('-', ':')} "
        f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    )


def aircraft_angles_deg(camera: SiteCamera) -> tuple[float, float, float]:
    """Yaw, pitch and roll of an aircraft that has the camera fixed below, looking down."""
    # east, north, up to north, east, down; also body to camera
    to_ned = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1.0]])
    # body axes (forward, right, down) in north, east, down
    body = to_ned @ camera.rotation.T @ to_ned
    yaw = math.degrees(math.atan2(body[1, 0], body[0, 0]))
    pitch = math.degrees(math.asin(min(max(-body[2, 0], -1.0), 1.0)))
    roll = math.degrees(math.atan2(body[2, 1], body[2, 2]))
    return yaw, pitch, roll


def half_turn(angle_deg: float) -> float:
    """Wrap an angle to -180..180."""
    return (angle_deg + 180) % 360 - 180


def _exposure_s(camera: SiteCamera, effects: dict[str, Any]) -> float:
    """Exposure time in which a drone flies the length of the motion blur; that of a sunny day
    without blur."""
    moved_m = effects.get("motion", 0.0) * camera.gsd_m
    seconds = min(max(moved_m / SPEED_M_S, FASTEST_S), SLOWEST_S) if moved_m else USUAL_S
    return 1 / round(1 / seconds)


def _iso(effects: dict[str, Any]) -> int:
    """The whole stop from ISO 100 to 12800 that is nearest to the noise."""
    stops = math.log2(max(ISO_OF_NOISE * effects.get("noise", 0.0) ** 2, 100) / 100)
    return 100 << min(round(stops), 7)


def _sexagesimal(angle_deg: float) -> tuple[float, float, float]:
    degrees, rest = divmod(abs(angle_deg), 1)
    minutes, rest = divmod(rest * 60, 1)
    return degrees, minutes, round(rest * 60, 6)
