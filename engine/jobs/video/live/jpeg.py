"""JPEGs of clients and for them. libjpeg-turbo works without the GIL."""

import numpy as np
import simplejpeg

from engine.jobs.video.live.protocol import Frame, ProtocolError

QUALITY = 88
MAX_SCANS = 32  # of a progressive JPEG; encoders write some ten. Each is a few bytes and a walk over the whole picture
SCAN = b"\xff\xda"  # begins one, and is nothing else: in what is coded FF is followed by 00


def check_jpeg(frame: Frame) -> None:
    """ProtocolError unless the frame holds a JPEG of the size it says that is decoded in reasonable time; some
    microseconds, nothing is decoded."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(frame.jpeg)
    except ValueError:
        raise ProtocolError(f"picture {frame.index}: what follows its header is no JPEG") from None
    if (width, height) != (frame.width, frame.height):
        said = f"{frame.width} x {frame.height}"
        raise ProtocolError(f"picture {frame.index}: its header says {said}, its JPEG is {width} x {height}")
    if (scans := frame.jpeg.count(SCAN)) > MAX_SCANS:
        raise ProtocolError(f"picture {frame.index}: a JPEG of {scans} scans; at most {MAX_SCANS} are taken")


def decode(frame: Frame) -> np.ndarray:
    """(height, width, 3) uint8 RGB. ProtocolError for a JPEG that is damaged."""
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(frame.jpeg, colorspace="RGB", fastdct=True, fastupsample=True)
    except ValueError as error:
        raise ProtocolError(f"picture {frame.index}: its JPEG cannot be decoded ({error})") from None
    return pixels


def encode(pixels: np.ndarray) -> bytes:
    """JPEG of (height, width, 3) uint8 RGB."""
    jpeg: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), QUALITY, colorsubsampling="420", fastdct=True)
    return jpeg
