"""A movie with flashes and bangs at the same times, functions that find both, and one that loses
packets of it."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT, RATE, SOUND_HZ = 96, 64, 30, 48_000


def write_clapper(
    path: Path,
    count: int = 30,
    *,
    at: int | Collection[int] = 18,
    codec: str = "aac",
    layout: str = "stereo",
    sound_s: Sequence[tuple[float, float]] | None = None,
    tags: dict[str, str] | None = None,
    begins_s: float = 0.0,
    delay_s: float = 0.0,
) -> Path:
    """Write `count` black pictures with white ones at `at`, and a bang with each. `sound_s`: spans
    with sound; None: everywhere. `begins_s`: start on the file's own clock. `delay_s`: up to so
    much sound of a transport stream has one time stamp."""
    flashes = (at,) if isinstance(at, int) else at
    with av.open(
        str(path),
        "w",
        options={"output_ts_offset": str(begins_s), "max_delay": f"{delay_s * 1e6:.0f}"},
    ) as container:
        container.metadata.update(tags or {})
        video = container.add_stream(
            "libx264", rate=RATE, options={"g": str(RATE)} if path.suffix == ".ts" else {}
        )
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track = container.add_stream(codec, rate=SOUND_HZ, layout=layout)
        track.metadata.update({"language": "fra"})
        for number in range(count):
            pixels = np.full((HEIGHT, WIDTH, 3), 255 * (number in flashes), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = round(count / RATE * SOUND_HZ)
        # noise takes as many bytes as music
        wave = np.random.default_rng(0).uniform(-0.02, 0.02, samples)
        for each in flashes:
            wave[round(each / RATE * SOUND_HZ) :][:800] *= 40
        channels = track.layout.nb_channels
        for begin_s, end_s in sound_s or [(0.0, samples / SOUND_HZ)]:
            begin, end = round(begin_s * SOUND_HZ), round(end_s * SOUND_HZ)
            for first in range(begin, end, 960):
                part = wave[first : min(first + 960, end)].astype(np.float32)
                block = av.AudioFrame.from_ndarray(np.stack([part] * channels), "fltp", layout)
                block.sample_rate, block.pts, block.time_base = (
                    SOUND_HZ,
                    first,
                    Fraction(1, SOUND_HZ),
                )
                container.mux(track.encode(block))
        container.mux(track.encode(None))
    return path


def flash_s(path: Path) -> float:
    """Time of the first flash."""
    return flashes_s(path)[0]


def flashes_s(path: Path) -> list[float]:
    """Times of the pictures that differ much from the first."""
    with av.open(str(path)) as container:
        seen = [
            (frame.time, frame.to_ndarray(format="gray").mean())
            for frame in _frames(container.streams.video[0])
        ]
    return [time_s for time_s, mean in seen if abs(mean - seen[0][1]) > 100]


def bang_s(path: Path) -> float:
    """Time of the first loud sample."""
    return bangs_s(path)[0]


def bangs_s(path: Path) -> list[float]:
    """Times of the first loud samples after a tenth of a second without one."""
    found: list[float] = []
    newest_s = -1.0
    with av.open(str(path)) as container:
        for frame in _frames(container.streams.audio[0]):
            for sample in np.flatnonzero(np.abs(_floats(frame)).max(axis=0) > 0.2):
                time_s = float(frame.time + sample / frame.sample_rate)
                found += [time_s] * (time_s > newest_s + 0.1)
                newest_s = time_s
    return found


def sound_end_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return max(
            frame.time + frame.samples / frame.sample_rate for frame in container.decode(audio=0)
        )


def level_db(path: Path, begin_s: float, end_s: float) -> float:
    """Mean level of the sound between these times."""
    with av.open(str(path)) as container:
        inside = [
            _floats(frame)
            for frame in container.decode(audio=0)
            if begin_s < frame.time + 0.01 < end_s - 0.02
        ]
    return 20 * float(np.log10(np.concatenate(inside, axis=1).std() + 1e-9))


def _frames(stream: Any) -> Iterator[Any]:
    """What can be decoded of it."""
    for packet in stream.container.demux(stream):
        with suppress(av.FFmpegError):
            yield from packet.decode()


def lose_packets(path: Path, first: int, count: int, *, zeroed: bool = False) -> None:
    """Cut packets of 188 bytes out of a transport stream, or fill them with zeros."""
    data = bytearray(path.read_bytes())
    span = slice(188 * first, 188 * (first + count))
    data[span] = bytes(188 * count) if zeroed else b""
    path.write_bytes(data)


def damage_stamp(path: Path, kind: int, number: int, byte: int, bit: int) -> None:
    """Flip a bit in the `number`-th time stamp of a transport stream's pictures (`kind` 0xE0) or
    sound (0xC0). Bytes 9 to 13 of its header are the time at which it is shown, 14 to 18 that at
    which it is decoded."""
    data, found = bytearray(path.read_bytes()), 0
    for at in range(0, len(data), 188):
        header = at + 4 + (1 + data[at + 4] if data[at + 3] & 0x20 else 0)
        if (
            data[at + 1] & 0x40
            and data[header : header + 3] == b"\0\0\1"
            and data[header + 3] & 0xF0 == kind
        ):
            found += 1
            if found == number:
                data[header + byte] ^= bit
    assert found >= number
    path.write_bytes(data)


def _floats(frame: av.AudioFrame) -> np.ndarray:
    """(channels, samples) -1..1"""
    values = frame.to_ndarray()
    if values.dtype.kind == "i":
        values = values / np.iinfo(values.dtype).max
    return values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T
