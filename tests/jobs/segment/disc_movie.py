"""A bright disc that moves over dark ground, as pictures and as a movie with sound."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, RADIUS = 320, 192, 36
RATE = 30
SOUND_HZ = 48_000


def disc_picture(
    number: int, width: int = WIDTH, height: int = HEIGHT, radius: int = RADIUS
) -> np.ndarray:
    """(height, width, 3) uint8; the disc goes 4 px to the right with each number."""
    picture = np.full((height, width, 3), (20, 24, 30), np.uint8)
    picture[disc_shape(number, width, height, radius)] = 250
    return picture


def disc_shape(
    number: int, width: int = WIDTH, height: int = HEIGHT, radius: int = RADIUS
) -> np.ndarray:
    """(height, width) bool: where the disc is."""
    y, x = np.mgrid[:height, :width] + 0.5
    return (x - (width / 4 + 4 * number)) ** 2 + (y - height / 2) ** 2 < radius**2


def write_movie(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: int = RATE,
    times: Sequence[int] | None = None,
    sound: str | None = "aac",
    options: dict[str, str] | None = None,
    colours: tuple[int, int, int, int] | None = None,
    pixel_aspect: Fraction = Fraction(1),
) -> Path:
    """Write pictures as a movie; `times` in parts of the rate; `colours`: matrix, primaries,
    transfer and range, as FFmpeg numbers them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.sample_aspect_ratio = pixel_aspect
        if colours is not None:
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = (
                colours
            )
        track = container.add_stream(sound, rate=SOUND_HZ, layout="stereo") if sound else None
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(
                picture, "rgba" if picture.shape[2] == 4 else "rgb24"
            )
            frame.pts = times[index] if times else index
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track is not None:
            seconds = (times[-1] + 1 if times else len(pictures)) / rate
            wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * SOUND_HZ)) / SOUND_HZ)
            block = av.AudioFrame.from_ndarray(
                np.stack([wave, wave]).astype(np.float32), "fltp", "stereo"
            )
            block.sample_rate, block.pts, block.time_base = SOUND_HZ, 0, Fraction(1, SOUND_HZ)
            container.mux(track.encode(block))
            container.mux(track.encode(None))
    return path


def pictures_of(path: Path) -> list[np.ndarray]:
    """All pictures of a movie, (height, width, 3) uint8 each, upright or not as they are coded."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def times_of(path: Path) -> list[float]:
    """Seconds of each picture."""
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def sound_of(path: Path) -> list[tuple[int, bytes]]:
    """Time stamp and bytes of each packet of the first sound track."""
    with av.open(str(path)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size]


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two shapes."""
    return float((one & other).sum() / (one | other).sum())
