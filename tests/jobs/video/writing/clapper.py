"""A movie with a flash and a bang at the same time, and functions that find both."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, RATE, SOUND_HZ = 96, 64, 30, 48_000


def write_clapper(
    path: Path,
    count: int = 30,
    *,
    at: int = 18,
    codec: str = "aac",
    layout: str = "stereo",
    sound_s: Sequence[tuple[float, float]] | None = None,
    tags: dict[str, str] | None = None,
    begins_s: float = 0.0,
) -> Path:
    """Write `count` black pictures with a white one at `at`, and a bang at the same time. `sound_s`: spans with sound;
    None: everywhere. `begins_s`: start on the file's own clock."""
    with av.open(str(path), "w", options={"output_ts_offset": str(begins_s)}) as container:
        container.metadata.update(tags or {})
        video = container.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track = container.add_stream(codec, rate=SOUND_HZ, layout=layout)
        track.metadata.update({"language": "fra"})
        for number in range(count):
            pixels = np.full((HEIGHT, WIDTH, 3), 255 * (number == at), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = round(count / RATE * SOUND_HZ)
        wave = 0.01 * np.sin(2 * np.pi * 440 * np.arange(samples) / SOUND_HZ)
        wave[round(at / RATE * SOUND_HZ) :][:800] *= 80
        channels = track.layout.nb_channels
        for begin_s, end_s in sound_s or [(0.0, samples / SOUND_HZ)]:
            begin, end = round(begin_s * SOUND_HZ), round(end_s * SOUND_HZ)
            for first in range(begin, end, 960):
                part = wave[first : min(first + 960, end)].astype(np.float32)
                block = av.AudioFrame.from_ndarray(np.stack([part] * channels), "fltp", layout)
                block.sample_rate, block.pts, block.time_base = SOUND_HZ, first, Fraction(1, SOUND_HZ)
                container.mux(track.encode(block))
        container.mux(track.encode(None))
    return path


def flash_s(path: Path) -> float:
    """Time of the picture that differs most from the first."""
    with av.open(str(path)) as container:
        seen = [(frame.time, frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    return max(seen, key=lambda each: abs(each[1] - seen[0][1]))[0]


def bang_s(path: Path) -> float:
    """Time of the first loud sample."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.abs(_floats(frame)).max(axis=0) > 0.2
            if loud.any():
                return float(frame.time + loud.argmax() / frame.sample_rate)
    raise AssertionError("no loud sample")


def sound_end_s(path: Path) -> float:
    """End of the sound."""
    with av.open(str(path)) as container:
        return max(frame.time + frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def _floats(frame: av.AudioFrame) -> np.ndarray:
    """(channels, samples) -1..1"""
    values = frame.to_ndarray()
    if values.dtype.kind == "i":
        values = values / np.iinfo(values.dtype).max
    return values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T
