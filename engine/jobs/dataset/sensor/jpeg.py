"""Encodes a photograph as a drone's camera does: JPEG with colour at half size, EXIF and XMP."""

import struct
from typing import Any

import numpy as np

from engine.jobs.dataset.scene.description import SiteScene
from engine.jobs.dataset.sensor.metadata import exif_of, xmp_of

START = b"\xff\xd8"
APP1 = 0xE1
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
MAX_SEGMENT = 65533


def encode_jpeg(colors: np.ndarray, quality: int, scene: SiteScene, effects: dict[str, Any]) -> bytes:
    """Encode (height, width, 3) uint8 RGB; 4:2:0. Deterministic for one version of simplejpeg and of Pillow."""
    coded = code(colors, quality)
    exif = _segment(EXIF + exif_of(scene, effects, colors.shape[1], colors.shape[0]))
    xmp = _segment(XMP + xmp_of(scene, effects))
    # EXIF comes first, in place of JFIF's segment, as the EXIF standard has it and cameras do.
    return START + exif + xmp + coded[_end_of_jfif(coded) :]


def code(colors: np.ndarray, quality: int) -> bytes:
    """The JPEG file without metadata."""
    import simplejpeg

    coded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(colors), quality=quality, colorspace="RGB", colorsubsampling="420", fastdct=False
    )
    return coded


def _segment(content: bytes) -> bytes:
    assert len(content) <= MAX_SEGMENT
    return struct.pack(">BBH", 0xFF, APP1, len(content) + 2) + content


def _end_of_jfif(coded: bytes) -> int:
    if coded[2:4] != b"\xff\xe0":
        return len(START)
    return 4 + int(struct.unpack_from(">H", coded, 4)[0])
