"""Converts any decoded picture to the engine's RGB: 8 bit, upright, square pixels, a size that can be uploaded."""

import numpy as np
from av.video.frame import VideoFrame as DecodedFrame
from av.video.reformatter import Colorspace

from engine.sources.tone_map import HDR_TRANSFERS, to_sdr

MAX_SIDE_PX = 4096  # 8K and photographs are reduced: uploading 50 MB would stall, and no output is larger

UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
HD_LINES = 576  # above this players assume BT.709 for an untagged file (swscale would assume BT.601)


def fitted_size(width: int, height: int, aspect: float = 1.0, *, longest_px: float = MAX_SIDE_PX) -> tuple[int, int]:
    """Size in square pixels for pixels `aspect` times as wide as high, reduced to `longest_px`."""
    square_width = width * aspect
    scale = min(1.0, longest_px / max(square_width, height))
    return max(1, round(square_width * scale)), max(1, round(height * scale))


def to_rgb(frame: DecodedFrame, pixel_aspect: float = 1.0, *, longest_px: float = MAX_SIDE_PX) -> np.ndarray:
    """(height, width, 3) uint8 RGB, row 0 at the top, C-contiguous; over black, rotated according to its tag.

    `pixel_aspect` is the width of a pixel divided by its height. Pictures above `longest_px` are reduced. Colours
    follow the file's tags; HDR (PQ, HLG) becomes SDR (BT.709). The conversion runs in FFmpeg without the GIL.
    """
    width, height = fitted_size(frame.width, frame.height, pixel_aspect, longest_px=longest_px)
    matrix = _missing_matrix(frame)
    if frame.color_trc in HDR_TRANSFERS:
        pixels = to_sdr(frame, size=(width, height), matrix=matrix)
    else:
        pixels = frame.to_ndarray(
            format="rgba" if any(component.is_alpha for component in frame.format.components) else "rgb24",
            width=width,
            height=height,
            src_colorspace=matrix,
            threads=1,  # 0.3 ms per 720p picture; swscale's own threads would compete with the renderer
        )
    if pixels.shape[2] == 4:
        pixels = over_black(pixels)
    return np.ascontiguousarray(_turned(pixels, round(frame.rotation / 90) % 4))


def over_black(rgba: np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8: straight-alpha `rgba` laid over black, rounded to nearest."""
    import cv2  # 0.1 s, and most pictures are opaque; NumPy takes 25 times as long

    black: np.ndarray = cv2.cvtColor(cv2.cvtColor(rgba, cv2.COLOR_RGBA2mRGBA), cv2.COLOR_RGBA2RGB)
    return black


def _turned(pixels: np.ndarray, quarters: int) -> np.ndarray:
    """Rotate counterclockwise by quarter turns."""
    if quarters == 0:
        return pixels
    import cv2  # 0.1 s, and most pictures are upright; NumPy takes 10 times as long

    codes = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
    turned: np.ndarray = cv2.rotate(pixels, codes[quarters])
    return turned


def _missing_matrix(frame: DecodedFrame) -> Colorspace | None:
    """The matrix that players assume for an untagged picture; None: FFmpeg knows it."""
    if frame.colorspace != UNSPECIFIED or frame.format.is_rgb:
        return None
    if frame.color_trc in HDR_TRANSFERS:
        return Colorspace.BT2020
    return Colorspace.ITU709 if frame.height > HD_LINES else None
