"""Region maps from a picture: which of four layers leads at each place. Pure functions on a reduced picture.

Formulas: spec, "Region maps". Sizes: pictures are (height, width, 3) uint8 RGB, maps (height, width) uint8
0..3.
"""

import cv2
import numpy as np

WIDEST_PX = 320
_BT601 = np.array([0.299, 0.587, 0.114], np.float32) / 255
_QUARTERS = (0.25, 0.5, 0.75)


def reduce_picture(pixels: np.ndarray) -> np.ndarray:
    """The picture at most 320 pixels wide, each pixel the mean of those it stands for."""
    height, width = pixels.shape[:2]
    if width <= WIDEST_PX:
        return pixels
    reduced_height = max(1, round(height * WIDEST_PX / width))
    return cv2.resize(pixels, (WIDEST_PX, reduced_height), interpolation=cv2.INTER_AREA)


def brightness_regions(pixels: np.ndarray, *, is_equalised: bool) -> np.ndarray:
    """0 dark to 3 bright by BT.601 luma: thresholds at 1/4, 1/2, 3/4, or at the picture's own quartiles."""
    luma = pixels.astype(np.float32) @ _BT601  # (height, width), 0..1
    return _split(luma, luma, is_equalised)


def colour_regions(pixels: np.ndarray, *, hue_offset: float, sat_min: float, is_equalised: bool) -> np.ndarray:
    """Hue quarters, the first beginning at `hue_offset` (turns); pixels less saturated than `sat_min` by brightness."""
    # A pixel: high = its largest channel, chroma = largest less smallest (HSV; Smith 1978).
    rgb = pixels.astype(np.float32)
    high = rgb.max(axis=-1)
    chroma = high - rgb.min(axis=-1)
    safe_chroma = np.maximum(chroma, 1)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    sixths = np.where(
        high == red,
        (green - blue) / safe_chroma,
        np.where(high == green, 2 + (blue - red) / safe_chroma, 4 + (red - green) / safe_chroma),
    )
    quarters = (sixths / 6 - hue_offset) % 1.0 * 4
    by_hue = np.minimum(quarters, 3).astype(np.uint8)
    is_grey = (chroma < sat_min * high) | (chroma == 0)
    luma = rgb @ _BT601
    return np.where(is_grey, _split(luma, luma[is_grey], is_equalised), by_hue)


def quadrant_regions() -> np.ndarray:
    """Top left 0, top right 1, bottom left 2, bottom right 3: (2, 2), which any renderer stretches to cover."""
    return np.array([[0, 1], [2, 3]], np.uint8)


def _split(luma: np.ndarray, sample: np.ndarray, is_equalised: bool) -> np.ndarray:
    """0..3 by thresholds: the quarters, or the quartiles of `sample` moved apart until four regions exist.

    Where many pixels share one level (a night scene, a test card) plain quartiles coincide and regions
    vanish.
    """
    levels, counts = np.unique(sample, return_counts=True)
    if not is_equalised or len(levels) < 2:
        return np.digitize(luma, _QUARTERS).astype(np.uint8)
    last = len(levels) - 1
    up_to = np.cumsum(counts) / sample.size  # share of pixels at or below each level
    thresholds = []
    lowest = 1
    for number, share in enumerate(_QUARTERS):
        # A region begins at the first level above its quartile, and leaves a level for each region after it.
        start = int(np.searchsorted(up_to, share)) + 1
        highest = last - (2 - number) if last >= 3 else last
        start = min(max(start, lowest), highest)
        thresholds.append(levels[start])
        lowest = start + 1
    return np.digitize(luma, thresholds).astype(np.uint8)
