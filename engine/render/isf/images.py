"""Reads the images that a shader imports: files below the shader's own folder, bounded in bytes and pixels."""

import io
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import IsfError
from engine.system.small_file import read_small
from engine.system.translate_errors import reason_of

MAX_FILE_BYTES: Final = 32 << 20
MAX_SIDE_PX: Final = 4096
MAX_BYTES: Final = 512 << 20  # of all images of a shader, 4 bytes a pixel: eight of the largest
FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
BYTES_PER_PX: Final = 4


def read_images(files: Iterable[str], shader: Path | None) -> dict[str, np.ndarray]:
    """Pixels by the name in the header, (height, width, 4) uint8 RGBA, row 0 at the top. IsfError. Waits for the disk.

    A file that is named twice, in whatever way, is read once: both names get the same array.
    """
    by_path: dict[str, np.ndarray] = {}
    by_name: dict[str, np.ndarray] = {}
    for file in files:
        if file not in by_name:
            if shader is None:
                raise IsfError(f"IMPORTED image {file[:80]!r}: a text without a file has no folder to find it in")
            try:
                path = os.path.realpath(shader.parent / file)
            except (OSError, ValueError) as error:
                raise _unreadable(file, error) from error
            if path not in by_path:
                by_path[path] = _read(file, shader.parent, sum(each.nbytes for each in by_path.values()))
            by_name[file] = by_path[path]
    return by_name


def _read(file: str, folder: Path, held_bytes: int) -> np.ndarray:
    """`held_bytes`: of the shader's other images."""
    from PIL import Image, ImageOps  # not needed by the frame loop

    try:
        raw = io.BytesIO(read_small(folder / file, max_bytes=MAX_FILE_BYTES, inside=folder))
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(raw, formats=FORMATS) as image:
                width, height = image.size
                if max(width, height) > MAX_SIDE_PX:
                    size = f"{width}x{height} px"
                    raise IsfError(f"IMPORTED image {file[:80]!r} has {size}: at most {MAX_SIDE_PX} a side")
                if held_bytes + width * height * BYTES_PER_PX > MAX_BYTES:
                    most = f"at most {MAX_BYTES >> 20} MB"
                    raise IsfError(
                        f"with IMPORTED image {file[:80]!r} the images take too much memory: {most} together"
                    )
                return np.array(ImageOps.exif_transpose(image).convert("RGBA"))
    except (IsfError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever a damaged file makes them trip over: struct.error, KeyError
        raise _unreadable(file, error) from error


def _unreadable(file: str, error: Exception) -> IsfError:
    return IsfError(f"IMPORTED image {file[:80]!r} cannot be read: {reason_of(error)}")
