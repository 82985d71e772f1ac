"""Shared by the tests of the stream: loading a model, feeding a sound block by block, and
measurements."""

from pathlib import Path

import numpy as np
import torch

from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.load import load
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.stream import LiveVoice


def loaded(folder: Path, *, index: bool = False) -> VoiceModel:
    """A tiny voice on the CPU, with pitch by yin."""
    spec = VoiceSpec(
        model=str(folder / "voice.pth"),
        index=str(folder / "voice.index") if index else "",
        content=str(folder / "content"),
        pitch="yin",
    )
    return load(spec, "cpu", "float32")


def live_voice(
    model: VoiceModel,
    *,
    rate_hz: int = 16_000,
    block_ms: float = 100,
    crossfade_ms: float = 50,
    extra_ms: float = 200,
    settings: VoiceSettings | None = None,
) -> LiveVoice:
    """A stream with little `extra`, which takes most of the time."""
    live = LiveVoice(
        model, rate_hz=rate_hz, block_ms=block_ms, crossfade_ms=crossfade_ms, extra_ms=extra_ms
    )
    live.settings = settings or VoiceSettings()
    return live


def streamed(live: LiveVoice, sound: np.ndarray, first_sample: int = 0) -> np.ndarray:
    """All whole blocks of a sound, converted and joined."""
    frames = live.grid.block
    blocks = [sound[first : first + frames] for first in range(0, len(sound) - frames + 1, frames)]
    return np.concatenate(
        [
            live.convert(block, first_sample=first_sample + number * frames)
            for number, block in enumerate(blocks)
        ]
    )


def tone(hz: float | np.ndarray, rate_hz: int, seconds: float, level: float = 0.3) -> np.ndarray:
    """A sine and a softer octave above it, (n,) float32; `hz` may have a value per sample."""
    turns = np.cumsum(np.broadcast_to(hz, round(rate_hz * seconds))) / rate_hz
    sine = np.sin(2.0 * np.pi * turns) + 0.3 * np.sin(4.0 * np.pi * turns)
    return (level * sine).astype(np.float32)


def spoken(rate_hz: int, seconds: float, hz: float = 150.0) -> np.ndarray:
    """A steady vowel: harmonics of a slowly varying pitch with two formants, 0.1 rms."""
    times = np.arange(round(rate_hz * seconds)) / rate_hz
    turns = np.cumsum(hz * 2.0 ** (0.3 * np.sin(2.0 * np.pi * 0.7 * times) / 12.0)) / rate_hz
    sound = np.zeros(len(times))
    for harmonic in range(1, 30):
        level = np.exp(-(((harmonic * hz - 700.0) / 500.0) ** 2))
        level += 0.3 * np.exp(-(((harmonic * hz - 2200.0) / 400.0) ** 2))
        sound += level * np.sin(2.0 * np.pi * harmonic * turns)
    return (0.1 * sound / sound.std()).astype(np.float32)


def loudest_hz(sound: np.ndarray, rate_hz: int) -> float:
    """Frequency of the strongest partial of (n,), to 0.1 Hz for a second or more."""
    size = 16 * len(sound)
    return float(
        np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size)).argmax() * rate_hz / size
    )


def level_db(sound: np.ndarray) -> float:
    """rms in dB of full scale."""
    return float(10.0 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-20))


def log_mel(sound: np.ndarray, rate_hz: int, together: int = 1) -> np.ndarray:
    """Log-mel power (80, frames): 2048 samples every 512, averaged over `together` frames."""
    window = torch.hann_window(2048)
    power = (
        torch.stft(torch.from_numpy(sound), 2048, 512, window=window, return_complex=True).abs()
        ** 2
    )
    power = power[:, : power.shape[1] // together * together].unflatten(1, (-1, together)).mean(2)
    mels = 1127.0 * np.log1p(np.linspace(0.0, rate_hz / 2.0, 1025) / 700.0)
    edges = np.linspace(mels[1], mels[-1], 82)[:, None]
    rising, falling = (
        (mels - edges[:-2]) / (edges[1:-1] - edges[:-2]),
        (edges[2:] - mels) / (edges[2:] - edges[1:-1]),
    )
    return np.log(np.clip(np.minimum(rising, falling), 0.0, None) @ power.numpy() + 1e-6)
