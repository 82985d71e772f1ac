"""Encode a picture as a JPEG for a browser."""

import cv2
import numpy as np
import simplejpeg

MAX_SIDE_PX = 1280  # only a preview; with larger pictures a phone's connection is the limit, not its screen
QUALITY = 80


def encode_preview(rgba: np.ndarray, width_px: int = MAX_SIDE_PX) -> bytes:
    """Encode (height, width, 4) uint8 as JPEG without alpha (that is, over black); never enlarges.

    At most `width_px` wide, and no side longer than `MAX_SIDE_PX`. OpenCV and libjpeg-turbo work without the GIL.
    """
    height, width = rgba.shape[:2]
    scale = min(width_px / width, MAX_SIDE_PX / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Area averaging takes seven times as long, and only looks better where pixels would be skipped.
        interpolation = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
        rgba = cv2.resize(rgba, size, interpolation=interpolation)
    jpeg: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgba), QUALITY, colorspace="RGBA", colorsubsampling="420", fastdct=True
    )
    return jpeg
