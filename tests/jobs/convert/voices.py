"""Synthetic voices with known results, and measurements of the sound in a file."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

HZ = 220.0


def spoken(seconds: float, rate_hz: int = 16_000, *, hz: float = HZ) -> np.ndarray:
    """(n,) float32 like speech: harmonics of a wavering pitch in syllables of 0.2 s, a pause after
    each third one."""
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    wavering = 2 * np.pi * 1.3
    phase = 2 * np.pi * hz * (at_s + 0.05 / wavering * (1 - np.cos(wavering * at_s)))
    harmonics = sum(np.sin(number * phase) / number for number in range(1, 9))
    syllable = np.sin(np.pi * at_s / 0.2) ** 2 * (np.floor(at_s / 0.2) % 4 != 3)
    return (0.15 * harmonics * syllable).astype(np.float32)


def tone(
    seconds: float, rate_hz: int = 16_000, *, hz: float = HZ, silent_s: float = 0.0
) -> np.ndarray:
    """A sine between silences, (n,) float32."""
    sound = 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.pad(sound, round(silent_s * rate_hz)).astype(np.float32)


def write_sound(path: Path, sound: np.ndarray, rate_hz: int = 16_000, **options: Any) -> Path:
    """Write a sound, (n,) or (n, channels), to a file."""
    soundfile.write(path, sound, rate_hz, **options)
    return path


def write_track(
    path: Path,
    channels: np.ndarray,
    rate_hz: int,
    *,
    layout: str = "mono",
    codec: str,
    gap_s: float = 0.0,
) -> Path:
    """(channels, n) through FFmpeg, frames of 1024, with the loudspeakers' names; `gap_s` of
    nothing in its middle."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        half = channels.shape[1] // 2048 * 1024
        for begin in range(0, channels.shape[1], 1024):
            part = np.ascontiguousarray(channels[:, begin : begin + 1024].T, np.float32).reshape(
                1, -1
            )
            # as planes, 8 channels would crash
            frame = av.AudioFrame.from_ndarray(part, format="flt", layout=layout)
            frame.rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
            frame.pts = begin + (round(gap_s * rate_hz) if begin >= half else 0)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def ebur128(
    channels: np.ndarray, rate_hz: int, options: str, key: str, layout: str = "mono"
) -> list[float]:
    """Figures that FFmpeg's loudness meter reports of (channels, n) under this key, block by
    block."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=rate_hz, format="fltp", layout=layout, time_base=Fraction(1, rate_hz)
    )
    meter, sink = graph.add("ebur128", f"metadata=1:{options}"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(channels, np.float32), format="fltp", layout=layout
    )
    frame.rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
    graph.push(frame)
    graph.push(None)
    values = []
    while True:
        try:
            values.append(float(graph.pull().metadata[f"lavfi.r128.{key}"]))
        except (av.BlockingIOError, av.EOFError):
            return values


def read_sound(path: Path) -> tuple[np.ndarray, int]:
    """The first audio track as (n, channels) float32, and its rate; read with FFmpeg, independently
    of the engine."""
    blocks = []
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        for frame in container.decode(stream):
            samples = frame.to_ndarray()
            samples = samples.T if frame.format.is_planar else samples.reshape(frame.samples, -1)
            if samples.dtype != np.float32:
                samples = (samples / float(np.iinfo(samples.dtype).max)).astype(np.float32)
            blocks.append(samples)
        return np.concatenate(blocks), stream.rate


def level_at(sound: np.ndarray, rate_hz: int, hz: float) -> np.ndarray:
    """Level of (n,) at `hz`, over 20 ms around each sample."""
    width = rate_hz // 50
    turned = sound * np.exp(-2j * np.pi * hz * np.arange(len(sound)) / rate_hz)
    return np.abs(np.convolve(turned, np.ones(width) / width, "same"))


def span_of(sound: np.ndarray, rate_hz: int, hz: float) -> tuple[float, float]:
    """Start and end of `hz`, in s."""
    level = level_at(sound, rate_hz, hz)
    at = np.flatnonzero(level > 0.5 * level.max())
    return at[0] / rate_hz, at[-1] / rate_hz
