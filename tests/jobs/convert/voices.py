"""Synthetic voices with known results, and measurements of the sound in a file."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

HZ = 220.0


def spoken(seconds: float, rate_hz: int = 16_000, *, hz: float = HZ) -> np.ndarray:
    """(n,) float32 like speech: harmonics of a wavering pitch in syllables of 0.2 s, a pause after each third one."""
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    wavering = 2 * np.pi * 1.3
    phase = 2 * np.pi * hz * (at_s + 0.05 / wavering * (1 - np.cos(wavering * at_s)))
    harmonics = sum(np.sin(number * phase) / number for number in range(1, 9))
    syllable = np.sin(np.pi * at_s / 0.2) ** 2 * (np.floor(at_s / 0.2) % 4 != 3)
    return (0.15 * harmonics * syllable).astype(np.float32)


def tone(seconds: float, rate_hz: int = 16_000, *, hz: float = HZ, silent_s: float = 0.0) -> np.ndarray:
    """(n,) float32: silence, a sine, silence."""
    sound = 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.pad(sound, round(silent_s * rate_hz)).astype(np.float32)


def write_sound(path: Path, sound: np.ndarray, rate_hz: int = 16_000, **options: Any) -> Path:
    """(n,) or (n, channels)."""
    soundfile.write(path, sound, rate_hz, **options)
    return path


def heard(path: Path) -> tuple[np.ndarray, int]:
    """The first audio track as (n, channels) float32, and its rate; read with FFmpeg, independently of the engine."""
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
