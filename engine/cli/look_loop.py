"""Short loops of a look: animated WebP of one bar of the demo loop, without a seam, small enough for a page of them."""

from collections.abc import Sequence
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image

FPS: Final = 25  # of the drawing; every second picture is shown
PICTURE_MS: Final = 80
PICTURES: Final = 24  # 1.92 s: a bar of the demo loop at 125 bpm, so that the kick stays in time
BLENDED: Final = 4
MAX_BYTES: Final = 120_000
QUALITIES: Final = (85, 75, 65, 55, 45, 35, 25)
DRAWN_PICTURES: Final = BLENDED + PICTURES


def closed(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """A loop of PICTURES pictures that begins with pictures[BLENDED], from DRAWN_PICTURES in a row, uint8.

    Its last BLENDED ones dissolve into those before its first, so that the first follows them without a jump.
    """
    loop = list(pictures[BLENDED:])
    for index in range(BLENDED):
        share = (index + 1) / BLENDED  # the last one is the picture before the first
        late, early = loop[index - BLENDED].astype(np.float32), pictures[index].astype(np.float32)
        loop[index - BLENDED] = np.rint(late + share * (early - late)).astype(np.uint8)
    return loop


def halved(picture: np.ndarray) -> np.ndarray:
    """The picture at half its size: means of 2 x 2 pixels, uint8. Height and width must be even."""
    height, width, channels = picture.shape
    means = picture.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3))
    half: np.ndarray = np.rint(means).astype(np.uint8)
    return half


def webp(loop: Sequence[np.ndarray]) -> bytes:
    """An endless animated WebP of (height, width, 3) uint8 pictures, at the best of QUALITIES within MAX_BYTES."""
    first, *others = [Image.fromarray(picture) for picture in loop]
    encoded = b""
    for quality in QUALITIES:
        file = BytesIO()
        first.save(
            file, "WEBP", save_all=True, append_images=others, duration=PICTURE_MS, loop=0, quality=quality, method=4
        )
        encoded = file.getvalue()
        if len(encoded) <= MAX_BYTES:
            break
    return encoded
