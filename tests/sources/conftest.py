"""Writes small videos in which every picture shows its number in eight black or white blocks."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.ndi_network import use_loopback

BLOCK_PX = 16


@pytest.fixture(scope="session", autouse=True)
def ndi_on_loopback(tmp_path_factory: pytest.TempPathFactory) -> None:
    use_loopback(tmp_path_factory.mktemp("ndi"))


def numbered_picture(number: int, width: int = 128, height: int = 64) -> np.ndarray:
    """(height, width, 3) uint8: `number` in binary along the top, lowest bit left; blue ground below."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[BLOCK_PX:] = (20, 40, 200)
    for bit in range(8):
        picture[:BLOCK_PX, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = 255 * (number >> bit & 1)
    return picture


@pytest.fixture
def number_in() -> Callable[[np.ndarray], int]:
    def read(pixels: np.ndarray) -> int:
        middle = pixels[BLOCK_PX // 2, BLOCK_PX // 2 : 8 * BLOCK_PX : BLOCK_PX].mean(axis=1)
        return sum(1 << bit for bit, value in enumerate(middle) if value > 127)

    return read


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """`write_video(count)`: numbered pictures, 30 a second, unless `pictures` or `times` say otherwise."""

    def write(
        count: int = 10,
        *,
        name: str = "numbers.mp4",
        codec: str = "mpeg4",
        pixel_format: str = "yuv420p",
        rate: int = 30,
        pictures: list[np.ndarray] | None = None,
        times: list[int] | None = None,
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        pictures = pictures or [numbered_picture(number) for number in range(count)]
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = pixel_format
            if codec == "mpeg4":
                stream.bit_rate = 4_000_000
            for place, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, "rgba" if picture.shape[2] == 4 else "rgb24")
                frame.pts = times[place] if times else place
                frame.time_base = Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write
