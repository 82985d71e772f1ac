"""Decode the clients' JPEGs and encode the answers. libjpeg-turbo works without the GIL."""

import numpy as np
import simplejpeg

from engine.jobs.video.live.protocol import Frame, ProtocolError

QUALITY = 88
MAX_SCANS = 32  # in a progressive JPEG; encoders write about ten. Decoding each is a pass over the whole picture
SCAN = b"\xff\xda"  # marker of a scan; cannot occur in coded data, where 00 follows every FF


def check_jpeg(frame: Frame) -> None:
    """Raise ProtocolError unless the frame holds a JPEG of the stated size that can be decoded in reasonable time.

    Takes microseconds: only the headers are read.
    """
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(frame.jpeg)
    except ValueError:
        raise ProtocolError(f"picture {frame.index}: no JPEG after the header") from None
    if (width, height) != (frame.width, frame.height):
        said = f"{frame.width} x {frame.height}"
        raise ProtocolError(f"picture {frame.index}: its header says {said}, its JPEG is {width} x {height}")
    if (scans := frame.jpeg.count(SCAN)) > MAX_SCANS:
        raise ProtocolError(f"picture {frame.index}: a JPEG of {scans} scans; at most {MAX_SCANS} are accepted")


def decode(frame: Frame) -> np.ndarray:
    """Decode to (height, width, 3) uint8 RGB. ProtocolError for a damaged JPEG."""
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(frame.jpeg, colorspace="RGB", fastdct=True, fastupsample=True)
    except ValueError as error:
        raise ProtocolError(f"picture {frame.index}: its JPEG cannot be decoded ({error})") from None
    return pixels


def encode(pixels: np.ndarray) -> bytes:
    """JPEG of (height, width, 3) uint8 RGB."""
    jpeg: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), QUALITY, colorsubsampling="420", fastdct=True)
    return jpeg
