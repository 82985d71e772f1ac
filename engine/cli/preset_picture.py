"""Pictures of a preset, drawn offline with the built-in demo loop: a still, or a loop.

A loop is an animated WebP of one bar, without a seam, small enough for a page of them. Still and
loop have one rate: at another the waves are read at other moments, and the still would not be in
the loop.
"""

from collections import deque
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

FPS: Final = 25  # of the drawing; every second picture is shown
PICTURE_MS: Final = 80
PICTURES: Final = 24  # 1.92 s: a bar of the demo loop at 125 bpm, so that the kick stays in time
BLENDED: Final = 4
MAX_BYTES: Final = 120_000
QUALITIES: Final = (85, 75, 65, 55, 45, 35, 25)
ALL_PICTURES: Final = BLENDED + PICTURES


def draw_still(
    name: str, folder: Path, suffix: str, size: tuple[int, int], seconds: float
) -> bytes:
    """The picture at that time as a file's content; `suffix` is the format's. `folder` holds the
    presets."""
    (rgb,) = _draw(name, folder, size, FPS, frames=max(1, round(seconds * FPS)), count=1, step=1)
    file = BytesIO()
    Image.fromarray(rgb).save(file, "PNG" if suffix == ".png" else "JPEG", quality=90)
    return file.getvalue()


def draw_loop(name: str, folder: Path, suffix: str, size: tuple[int, int], seconds: float) -> bytes:
    """An animated WebP that begins with the picture at that time. Drawn at twice the size, for fine
    lines."""
    width, height = size
    before = round(seconds * FPS)
    frames = max(2 * BLENDED + 1, before) + 2 * (PICTURES - 1)
    large = _draw(
        name, folder, (2 * width, 2 * height), FPS, frames=frames, count=ALL_PICTURES, step=2
    )
    return webp(close_loop([halve(rgb) for rgb in large]))


def _draw(
    name: str, folder: Path, size: tuple[int, int], fps: int, *, frames: int, count: int, step: int
) -> list[np.ndarray]:
    """The last of the first `frames` pictures and those `step` apart before it, `count` in all:
    (height, width, 3) uint8 each, in order of time."""
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
    pictures: deque[np.ndarray] = deque(maxlen=count)
    with open_engine(config) as engine:
        for frame in engine.frames(count=frames):
            if (frames - 1 - frame.index) % step == 0:
                pictures.append(frame.read_rgba()[..., :3].copy())
    return list(pictures)


def close_loop(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """A loop of PICTURES pictures that begins with pictures[BLENDED], from ALL_PICTURES in a row,
    uint8.

    Its last BLENDED ones dissolve into those before its first, so that the first follows them
    without a jump."""
    loop = list(pictures[BLENDED:])
    for index in range(BLENDED):
        weight = (index + 1) / BLENDED  # the last one is the picture before the first
        late = loop[index - BLENDED].astype(np.float32)
        early = pictures[index].astype(np.float32)
        loop[index - BLENDED] = np.rint(late + weight * (early - late)).astype(np.uint8)
    return loop


def halve(picture: np.ndarray) -> np.ndarray:
    """The picture at half its size: means of 2 x 2 pixels, uint8. Height and width must be even."""
    height, width, channels = picture.shape
    means = picture.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3))
    half: np.ndarray = np.rint(means).astype(np.uint8)
    return half


def webp(loop: Sequence[np.ndarray]) -> bytes:
    """An endless animated WebP of (height, width, 3) uint8 pictures, at the best of QUALITIES
    within MAX_BYTES."""
    first, *others = [Image.fromarray(picture) for picture in loop]
    encoded = b""
    for quality in QUALITIES:
        file = BytesIO()
        first.save(
            file,
            "WEBP",
            save_all=True,
            append_images=others,
            duration=PICTURE_MS,
            loop=0,
            quality=quality,
            method=4,
        )
        encoded = file.getvalue()
        if len(encoded) <= MAX_BYTES:
            break
    return encoded
