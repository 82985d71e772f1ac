"""Reads one picture: damaged or not, and its figures."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

HASH_SIDE = 16  # 256 bits
SMALL_PX = 256  # side at which colours are measured
SHARP_PX = 1024  # side of the middle at full scale at which sharpness is measured


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureFacts:
    width_px: int
    height_px: int
    sha256: str
    print_bits: np.ndarray
    """(4,) uint64: signs of the brightness differences between neighbours of a 17 x 16 picture. Near pictures differ
    in few bits, pictures of different things in about half. Source: Neal Krawetz's dHash."""
    brightness: float
    """Mean of R, G, B, 0..1."""
    contrast: float
    """Standard deviation of that."""
    saturation: float
    """Mean of (max - min) / max, 0..1."""
    hue_deg: float
    """Mean direction on the colour circle, weighted by chroma, 0..360."""
    sharpness: float
    """Standard deviation of the Laplacian of the middle at full scale, relative to that of the picture itself."""


def read_picture(path: Path) -> PictureFacts | str:
    """Decode the whole picture; the reason in words if it cannot be read. Safe to call from several threads."""
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                pixels = np.asarray(image.convert("RGB"))
    except OSError as error:  # Pillow raises it for cut files, too
        if isinstance(error, UnidentifiedImageError):
            return "is no picture"
        return f"cannot be read ({error.strerror or error})"
    except (ValueError, SyntaxError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return f"is damaged ({error})"
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (min(width, SMALL_PX), min(height, SMALL_PX)), interpolation=cv2.INTER_AREA)
    values = small.astype(np.float32) / 255
    brightest, darkest = values.max(axis=2), values.min(axis=2)
    mean = values.mean(axis=2)
    return PictureFacts(
        width_px=width,
        height_px=height,
        sha256=hashlib.sha256(content).hexdigest(),
        print_bits=_print_of(small),
        brightness=float(mean.mean()),
        contrast=float(mean.std()),
        saturation=float(np.mean((brightest - darkest) / np.maximum(brightest, 1 / 255))),
        hue_deg=_mean_hue_deg(values),
        sharpness=_sharpness(pixels),
    )


def _print_of(small: np.ndarray) -> np.ndarray:
    grey = cv2.resize(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    bits = grey[:, 1:].astype(np.int16) > grey[:, :-1]
    packed: np.ndarray = np.packbits(bits.ravel()).view(np.uint64)
    return packed


def _mean_hue_deg(values: np.ndarray) -> float:
    """Angle of the mean colour in the plane across the grey axis."""
    red, green, blue = values.reshape(-1, 3).mean(axis=0).tolist()
    angle = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))
    return float(angle % 360)


def _sharpness(pixels: np.ndarray) -> float:
    height, width = pixels.shape[:2]
    top, left = max(0, (height - SHARP_PX) // 2), max(0, (width - SHARP_PX) // 2)
    middle = cv2.cvtColor(
        np.ascontiguousarray(pixels[top : top + SHARP_PX, left : left + SHARP_PX]), cv2.COLOR_RGB2GRAY
    )
    return float(cv2.Laplacian(middle, cv2.CV_32F).std() / max(float(middle.std()), 1.0))
