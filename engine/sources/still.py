"""Reads a picture file as a source, upright and over black."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.errors import SourceError
from engine.sources.pixels import MAX_SIDE_PX, TRANSPARENT, fitted_size, over_black
from engine.sources.source import SourceStatus
from engine.system.small_file import open_regular
from engine.values import VideoFrame

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "PPM", "JPEG2000")
# Explicit, because Pillow would also open MPEG videos as pictures; FFmpeg reads all others.
ANIMATED_FORMATS = ("GIF", "PNG")  # FFmpeg plays their animations
UNPLAYABLE_FORMATS = ("WEBP", "AVIF")  # FFmpeg does not play their animations


class StillPicture:
    def __init__(self, path: Path) -> None:
        pixels = read_still(path)
        self._name = path.name
        self._frame = VideoFrame(pixels=pixels, index=0, time_s=0.0, source=path.name)

    def start(self) -> None:
        """Do nothing: the picture was read in the constructor."""

    def latest_frame(self) -> VideoFrame | None:
        return self._frame

    def frame_at(self, time_s: float) -> VideoFrame | None:
        return self._frame

    def status(self) -> SourceStatus:
        height, width = self._frame.pixels.shape[:2]
        return SourceStatus(
            state="playing",
            description=f"{self._name}, picture {width}x{height}",
            width=width,
            height=height,
            frames=1,
        )

    def close(self) -> None:
        """Do nothing: no file is open."""


def is_still(path: Path) -> bool:
    """True if the file is a still picture. SourceError for an animation that cannot be played."""
    try:
        with _open(path) as image:
            is_animated = getattr(image, "is_animated", False)
            if is_animated and image.format in UNPLAYABLE_FORMATS:
                raise SourceError(
                    f"{path}: animated {image.format} cannot be played; convert it to MP4 or GIF"
                )
            return not (is_animated and image.format in ANIMATED_FORMATS)
    except UnidentifiedImageError:
        return False
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return True  # broken: `read_still` raises the reason


def read_still(
    path: Path,
    *,
    longest_px: float = MAX_SIDE_PX,
    on_loss: Callable[[str], object] = lambda line: None,
) -> np.ndarray:
    """Read a picture file, (height, width, 3) uint8 RGB, rotated according to EXIF, over black,
    reduced if above `longest_px`. `on_loss` gets a line if a part of it is transparent."""
    try:
        with _open(path) as image:
            size = fitted_size(*image.size, longest_px=longest_px)
            image.draft("RGB", size)  # lets a JPEG be decoded at reduced size
            upright = ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:
        raise SourceError(f"{path}: picture too large (the limit is 179 megapixels)") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise SourceError(
            f"{path}: the picture cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None
    upright = _to_8_bit(upright)
    has_alpha = upright.has_transparency_data
    converted = upright.convert("RGBA" if has_alpha else "RGB")
    converted.thumbnail(
        fitted_size(*converted.size, longest_px=longest_px), Image.Resampling.LANCZOS
    )
    pixels = np.asarray(converted)
    if has_alpha and pixels[..., 3].min() < 255:
        on_loss(f"{path.name}: {TRANSPARENT}")
    return np.ascontiguousarray(over_black(pixels) if has_alpha else pixels)


def _open(path: Path) -> Image.Image:
    Image.init()
    # large photographs are fine, and so are those with damaged EXIF
    warnings.filterwarnings("ignore", module=r"PIL\.")
    open_regular(path).close()  # opening a FIFO in a folder of pictures would wait for its writer
    return Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Scale deep grey pictures to 8 bit: Pillow's own conversion clips them to white."""
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode == "F":
        return Image.fromarray((np.asarray(image).clip(0.0, 1.0) * 255 + 0.5).astype(np.uint8))
    return image
