"""Reads one picture: damaged or not, and its figures."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from engine.jobs.dataset.labels.look import PictureLook, look_of, shrunk
from engine.jobs.dataset.options import MAX_SIDE_PX
from engine.system.small_file import open_regular

HASH_SIDE = 16  # 256 bits
MAX_PIXELS = MAX_SIDE_PX**2
MAX_BYTES = 2 << 30  # the largest picture as a BMP takes 0.8 GB, as a 16-bit PNG up to 1.6 GB
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")  # Pillow would start Ghostscript for others
LARGE_PIXELS = 64_000_000
LARGE_ONE_BY_ONE = threading.Lock()  # the largest takes 1.6 GB while it is decoded


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureFacts:
    width_px: int
    height_px: int
    sha256: str
    print_bits: np.ndarray
    """(4,) uint64: signs of the brightness differences between neighbours of a 17 x 16 picture. Near pictures differ
    in few bits, pictures of different things in about half. Source: Neal Krawetz's dHash."""
    look: PictureLook


@contextmanager
def large_pictures() -> Iterator[None]:
    """Let Pillow open pictures as large as ours; read_picture has a limit of its own.

    Pillow's limit is one for the whole process, so this stands around all threads that read.
    """
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """A picture file, of which only the header is read. OSError, ValueError, SyntaxError."""
    with open_regular(path, max_bytes=MAX_BYTES) as stream, Image.open(stream, formats=FORMATS) as image:
        yield image


def read_picture(path: Path) -> PictureFacts | str:
    """Decode the whole picture; the reason in words if it cannot be read. Safe to call from several threads.

    Call it within `large_pictures`.
    """
    try:
        with open_picture(path) as image:
            if image.width * image.height > MAX_PIXELS:
                return f"has {image.width}x{image.height} px; more than {MAX_SIDE_PX}x{MAX_SIDE_PX} are not read"
            with LARGE_ONE_BY_ONE if image.width * image.height > LARGE_PIXELS else nullcontext():
                pixels = np.asarray(image.convert("RGB"))
        with open_regular(path) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:  # Pillow raises it for cut files, too
        if isinstance(error, UnidentifiedImageError):
            return "is no picture"
        return f"cannot be read ({error.strerror or error})"
    except (ValueError, SyntaxError, EOFError) as error:
        return f"is damaged ({error})"
    height, width = pixels.shape[:2]
    return PictureFacts(
        width_px=width,
        height_px=height,
        sha256=sha256,
        print_bits=_print_of(shrunk(pixels)),
        look=look_of(pixels),
    )


def _print_of(small: np.ndarray) -> np.ndarray:
    grey = cv2.resize(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    bits = grey[:, 1:].astype(np.int16) > grey[:, :-1]
    packed: np.ndarray = np.packbits(bits.ravel()).view(np.uint64)
    return packed
