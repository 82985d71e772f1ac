"""Pictures of a preset, drawn offline with the built-in demo loop: a still, or a loop (`look_loop`)."""

from collections import deque
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from engine.cli import look_loop

if TYPE_CHECKING:
    import numpy as np

STILL_FPS = look_loop.FPS  # at another rate the waves are read at other moments, and the still is not in the loop


def draw_still(name: str, folder: Path, suffix: str, size: tuple[int, int], seconds: float) -> bytes:
    """The picture at that time as a file's content; `suffix` is the format's. `folder` holds the presets."""
    (rgb,) = _draw(name, folder, size, STILL_FPS, frames=max(1, round(seconds * STILL_FPS)), kept=1, step=1)
    file = BytesIO()
    Image.fromarray(rgb).save(file, "PNG" if suffix == ".png" else "JPEG", quality=90)
    return file.getvalue()


def draw_loop(name: str, folder: Path, suffix: str, size: tuple[int, int], seconds: float) -> bytes:
    """An animated WebP that begins with the picture at that time. Drawn at twice the size, for fine lines."""
    width, height = size
    before = round(seconds * look_loop.FPS)
    frames = max(2 * look_loop.BLENDED + 1, before) + 2 * (look_loop.PICTURES - 1)
    large = _draw(
        name, folder, (2 * width, 2 * height), look_loop.FPS, frames=frames, kept=look_loop.DRAWN_PICTURES, step=2
    )
    return look_loop.webp(look_loop.closed([look_loop.halved(rgb) for rgb in large]))


def _draw(
    name: str, folder: Path, size: tuple[int, int], fps: int, *, frames: int, kept: int, step: int
) -> "list[np.ndarray]":
    """The last of the first `frames` pictures and those `step` apart before it, `kept` in all: (height, width, 3)
    uint8 each, in order of time."""
    from engine.app import open_engine
    from engine.config import Config

    width, height = size
    config = Config(
        width=width,
        height=height,
        fps=fps,
        audio="demo",
        offline=True,
        preset=name,
        presets=str(folder),
        recordings=".",
    )
    pictures: deque[np.ndarray] = deque(maxlen=kept)
    with open_engine(config) as engine:
        for frame in engine.frames(count=frames):
            if (frames - 1 - frame.index) % step == 0:
                pictures.append(frame.read_rgba()[..., :3].copy())
    return list(pictures)
