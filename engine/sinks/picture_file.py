"""Writes one picture as a file, in the formats that every job supports."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from engine.sinks.generation_info import GenerationInfo

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


def save_picture(
    path: Path, pixels: "np.ndarray", metadata: "GenerationInfo | None" = None
) -> None:
    """Write (height, width, 3) uint8 RGB in the format of the suffix of `path`, and `metadata` in
    it. OSError."""
    from PIL import Image

    form = PICTURE_FORMATS[path.suffix.lower()]
    options = {} if metadata is None else metadata.options(form)
    Image.fromarray(pixels).save(path, format=form, quality=QUALITY, **options)
