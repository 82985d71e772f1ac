"""One picture written as a file: the forms that every job knows."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

QUALITY = 95  # of JPEG and WebP
PICTURE_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}


def save_picture(path: Path, pixels: "np.ndarray") -> None:
    """(height, width, 3) uint8 RGB in the form that the suffix of `path` stands for. OSError."""
    from PIL import Image

    Image.fromarray(pixels).save(path, format=PICTURE_FORMATS[path.suffix.lower()], quality=QUALITY)
