"""Reads the images that a shader imports: files below the shader's own folder, bounded in bytes and pixels."""

import io
import warnings
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import IsfError
from engine.system.small_file import read_small

MAX_FILE_BYTES: Final = 32 << 20
MAX_SIDE_PX: Final = 4096
FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")


def read_image(file: str, shader: Path | None) -> tuple[Path, np.ndarray]:
    """Its path, and (height, width, 4) uint8 RGBA, row 0 at the top. IsfError. Waits for the disk."""
    from PIL import Image, ImageOps  # not needed by the frame loop

    if shader is None:
        raise IsfError(f"IMPORTED image {file[:80]!r}: a text without a file has no folder to find it in")
    folder = shader.parent.resolve()
    try:
        path = (folder / file).resolve()
        if not path.is_relative_to(folder):
            raise IsfError(f"IMPORTED image {file[:80]!r} lies outside the shader's folder")
        raw = io.BytesIO(read_small(path, max_bytes=MAX_FILE_BYTES))
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(raw, formats=FORMATS) as image:
                if max(image.size) > MAX_SIDE_PX:
                    size = f"{image.size[0]}x{image.size[1]} px"
                    raise IsfError(f"IMPORTED image {file[:80]!r} has {size}: at most {MAX_SIDE_PX} a side")
                return path, np.array(ImageOps.exif_transpose(image).convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = getattr(error, "strerror", None) or error
        raise IsfError(f"IMPORTED image {file[:80]!r} cannot be read: {reason}") from error
