"""Colour statistics of a picture, for comparing synthetic with real pictures."""

import numpy as np

SMALL_PX = 256  # side at which colours are measured
SHARP_PX = 1024  # side of the middle at full scale at which sharpness is measured


def look_of(pixels: np.ndarray) -> dict[str, float]:
    """Colour statistics of (height, width, 3) uint8 RGB. brightness: mean of R, G, B, 0..1;
    contrast: its standard deviation; saturation: mean of (max - min) / max, 0..1; hue_deg: of the
    mean colour, 0..360; sharpness: standard deviation of the Laplacian of the centre at full scale,
    divided by that of the centre."""
    import cv2

    values = shrink(pixels).astype(np.float32) / 255
    brightest = values.max(axis=2)
    darkest = values.min(axis=2)
    mean = values.mean(axis=2)
    red, green, blue = values.reshape(-1, 3).mean(axis=0, dtype=np.float64).tolist()
    height, width = pixels.shape[:2]
    top, left = max(0, (height - SHARP_PX) // 2), max(0, (width - SHARP_PX) // 2)
    middle = np.ascontiguousarray(pixels[top : top + SHARP_PX, left : left + SHARP_PX])
    middle = cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY)
    hue = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360
    return {
        "brightness": float(mean.mean(dtype=np.float64)),
        "contrast": float(mean.std(dtype=np.float64)),
        "saturation": float(
            np.mean((brightest - darkest) / np.maximum(brightest, 1 / 255), dtype=np.float64)
        ),
        "hue_deg": float(hue),
        "sharpness": float(
            cv2.Laplacian(middle, cv2.CV_32F).std(dtype=np.float64) / max(float(middle.std()), 1.0)
        ),
    }


def shrink(pixels: np.ndarray) -> np.ndarray:
    """Downscale to sides of at most SMALL_PX; each pixel is the mean of those it covers."""
    import cv2

    height, width = pixels.shape[:2]
    return cv2.resize(
        pixels, (min(width, SMALL_PX), min(height, SMALL_PX)), interpolation=cv2.INTER_AREA
    )
