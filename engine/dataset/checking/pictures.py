"""Reads one picture, damaged or not, with its figures; finds (near-)duplicate pictures, and scenes
in two folders."""

import json
import threading
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.dataset.labels.look import look_of, shrink
from engine.dataset.options import MAX_SIDE_PX
from engine.system.small_file import open_regular
from engine.system.work_folder import sha256_of

HASH_SIDE = 16  # 256 bits
MAX_PIXELS = MAX_SIDE_PX**2
MAX_BYTES = 2 << 30  # the largest picture as a BMP takes 0.8 GB, as a 16-bit PNG up to 1.6 GB
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")  # Pillow would start Ghostscript for others
LARGE_PIXELS = 64_000_000
LARGE_PICTURE_LOCK = threading.Lock()  # the largest takes 1.6 GB while it is decoded
MAX_NEAR_BITS = 20  # of 256; two pictures of the same ground, re-encoded or scaled, differ in fewer
MIN_VARIED_BITS = (
    24  # a picture with fewer set or unset bits is nearly empty, and like any other such picture
)
ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureFacts:
    width_px: int
    height_px: int
    sha256: str
    perceptual_hash: np.ndarray
    """(4,) uint64: signs of the brightness differences between neighbours of a 17 x 16 picture.
    Near pictures differ in few bits, pictures of different things in about half. Source: Neal
    Krawetz's dHash."""
    look: dict[str, float]  # of `look_of`


@contextmanager
def large_pictures() -> Iterator[None]:
    """Let Pillow open pictures as large as ours, without warnings of EXIF. These are settings of
    the process, so enter this before starting threads that read."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture file; only the header is read. OSError, ValueError, SyntaxError."""
    with (
        open_regular(path, max_bytes=MAX_BYTES) as stream,
        Image.open(stream, formats=FORMATS) as image,
    ):
        yield image


def read_picture(path: Path) -> PictureFacts | str:
    """Decode the whole picture; return the reason as text if it cannot be read. Any thread, within
    `large_pictures`."""
    try:
        with open_picture(path) as image:
            if image.width * image.height > MAX_PIXELS:
                return (
                    f"has {image.width}x{image.height} px; more than "
                    f"{MAX_SIDE_PX}x{MAX_SIDE_PX} are not read"
                )
            with LARGE_PICTURE_LOCK if image.width * image.height > LARGE_PIXELS else nullcontext():
                pixels = upright(image)
        sha256 = sha256_of(path)
    except OSError as error:  # Pillow raises it for cut files, too
        if isinstance(error, UnidentifiedImageError):
            return "is no picture"
        return f"cannot be read ({error.strerror or error})"
    except (ValueError, SyntaxError, EOFError) as error:
        return f"is damaged ({error})"
    height, width = pixels.shape[:2]
    small = cv2.cvtColor(shrink(pixels), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(small, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    bits = np.packbits((grey[:, 1:].astype(np.int16) > grey[:, :-1]).ravel()).view(np.uint64)
    return PictureFacts(
        width_px=width, height_px=height, sha256=sha256, perceptual_hash=bits, look=look_of(pixels)
    )


def upright(image: Image.Image) -> np.ndarray:
    """Decode to (height, width, 3) uint8 RGB, rotated as its EXIF says, as OpenCV (used by
    trainers) does."""
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def near_duplicates(hashes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Find pairs of near-duplicates: rows of (n, 4) uint64 that differ in at most MAX_NEAR_BITS;
    first < second."""
    set_bits = np.bitwise_count(hashes).sum(axis=1)
    is_varied = (set_bits >= MIN_VARIED_BITS) & (set_bits <= 256 - MIN_VARIED_BITS)
    chosen = np.flatnonzero(is_varied)
    varied = hashes[chosen]
    for top in range(0, len(varied), ROWS_AT_ONCE):
        rows = varied[top : top + ROWS_AT_ONCE]
        others = varied[top:]
        differing = np.zeros((len(rows), len(others)), np.uint16)
        for column in range(hashes.shape[1]):
            differing += np.bitwise_count(rows[:, None, column] ^ others[None, :, column])
        first, second = np.nonzero(differing <= MAX_NEAR_BITS)
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            if one < other:
                yield int(chosen[top + one]), int(chosen[top + other])


def scene_key(entry: dict[str, Any]) -> str | None:
    """The seed of a manifest line's scene as text; None in a line without one, such as that of a
    --scene file."""
    seed = entry.get("seed")
    return (
        None
        if seed in (None, [])
        else json.dumps([seed, (entry.get("options") or {}).get("recipe", 1)])
    )


def shared_scenes(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The folders, or subsets of a split, of each scene that is in several. `pairs`: (scene,
    folder) per picture."""
    groups: dict[str, set[str]] = defaultdict(set)
    for scene, group in pairs:
        groups[scene].add(group)
    return {scene: sorted(names) for scene, names in groups.items() if len(names) > 1}
