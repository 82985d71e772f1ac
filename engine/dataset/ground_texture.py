"""Reads the user's texture for the ground (--ground-texture), checked at the start of a run."""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.dataset.assets.colors import linear
from engine.dataset.scene.description import GroundPicture
from engine.errors import UsageError
from engine.system.foreign_data import picture_size_px
from engine.system.small_file import read_small

DEFAULT_SIZE_M = 4.0
MIN_SIDE_PX, MAX_SIDE_PX = 16, 4096
MAX_BYTES = 256 << 20
SUFFIXES = (".jpg", ".jpeg", ".png")
OPTION = "--ground-texture"


def parse_ground_texture(text: str) -> GroundPicture:
    """Parse `FILE` or `FILE,SIZE_M`: the texture and its SHA-256. UsageError for a file that is no
    JPEG or PNG."""
    name, comma, size = text.rpartition(",")
    try:
        size_m = float(size) if comma else DEFAULT_SIZE_M
    except ValueError:  # the comma belongs to the name
        comma = ""
        size_m = DEFAULT_SIZE_M
    path = Path(name if comma else text).expanduser()
    if not 0.1 <= size_m <= 500:
        raise UsageError(f"{OPTION} {text}: {size_m:g} is not a width of 0.1 to 500 m")
    content = _content(path)
    _decoded(path, content)
    return GroundPicture(
        path=str(path.absolute()), sha256=hashlib.sha256(content).hexdigest(), size_m=size_m
    )


@lru_cache(maxsize=2)
def read_ground_texture(picture: GroundPicture) -> np.ndarray:
    """Read it as linear light: (height, width, 3) float16, 0..1, row 0 on top. UsageError if the
    file changed."""
    path = Path(picture.path)
    content = _content(path)
    if hashlib.sha256(content).hexdigest() != picture.sha256:
        raise UsageError(f"{OPTION} {path}: has changed since the run began; start the run again")
    texels: np.ndarray = linear(np.arange(256) / 255).astype(np.float16)[
        _decoded(path, content)[..., ::-1]
    ]
    return texels


def _content(path: Path) -> bytes:
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{OPTION} {path}: is not a {', '.join(SUFFIXES)} file; FILE[,METRES] names one"
        )
    try:
        return read_small(path, max_bytes=MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{OPTION} {path}: cannot be read ({error.strerror or error})") from None


def _decoded(path: Path, content: bytes) -> np.ndarray:
    """(height, width, 3) uint8, BGR."""
    import cv2

    size = picture_size_px(content)
    if size is not None and not MIN_SIDE_PX <= min(size) <= max(size) <= MAX_SIDE_PX:
        sides = (
            f"{'{}x{}'.format(*size)} px; sides of {MIN_SIDE_PX} to {MAX_SIDE_PX} px are possible"
        )
        raise UsageError(f"{OPTION} {path}: {sides}")
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if size else None
    except cv2.error:
        picture = None
    if picture is None:
        raise UsageError(f"{OPTION} {path}: is damaged, or no picture")
    return np.asarray(picture)
