"""Test sounds, their analysis, and a sound server."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from engine.audio.analyser import Analyser
from engine.audio.settings import AudioSettings
from engine.values import AudioFeatures
from tests.audio.sound_server import SoundServer

RATE_HZ = 48_000


@pytest.fixture
def sine() -> Callable[..., np.ndarray]:
    """`sine(hz, seconds=1.0, amplitude=0.5, rate_hz=48000)`: (frames,) float32, from a rising zero."""

    def make(hz: float, seconds: float = 1.0, amplitude: float = 0.5, rate_hz: int = RATE_HZ) -> np.ndarray:
        t = np.arange(round(seconds * rate_hz)) / rate_hz
        return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)

    return make


@dataclass
class Analysis:
    """The features after the last hop, and those of each hop."""

    features: AudioFeatures
    onset_hops: list[list[int]] = field(default_factory=lambda: [[], [], [], []])
    pitches_hz: list[tuple[float, ...]] = field(default_factory=list)
    hues: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def onset_counts(self) -> list[int]:
        return [channel.onset_count for channel in self.features.channels]


@pytest.fixture
def analyse() -> Callable[..., Analysis]:
    """`analyse(*channels, rate_hz=48000, settings=...)`: each a (frames,) array; hop by hop to the end."""

    def run(*channels: np.ndarray, rate_hz: int = RATE_HZ, settings: AudioSettings | None = None) -> Analysis:
        settings = settings or AudioSettings(auto=(False,) * 4)
        block = np.stack(channels, axis=1).astype(np.float32)
        analyser = Analyser(rate_hz)
        analysis = Analysis(analyser.features(settings))
        for hop, first in enumerate(range(0, len(block) - analyser.hop_frames + 1, analyser.hop_frames)):
            analyser.hop(block[first : first + analyser.hop_frames], settings)
            analysis.features = analyser.features(settings)
            for number, channel in enumerate(analysis.features.channels):
                if channel.onset:
                    analysis.onset_hops[number].append(hop)
            analysis.pitches_hz.append(tuple(channel.pitch_hz for channel in analysis.features.channels))
            analysis.hues.append(tuple(channel.hue for channel in analysis.features.channels))
        return analysis

    return run


@pytest.fixture
def sound_server(tmp_path_factory, require, wait_for) -> Iterator[SoundServer]:
    """A PulseAudio server for this test. Linux only."""
    for program in ("pulseaudio", "paplay", "parec", "pactl"):
        require(shutil.which(program), f"{program} (apt install pulseaudio pulseaudio-utils)")
    plugin = list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
    require(plugin, "ALSA's PulseAudio plugin (apt install libasound2-plugins)")
    try:
        import sounddevice  # noqa: F401
    except OSError:
        require(False, "PortAudio (apt install libportaudio2)")
    server = SoundServer(tmp_path_factory.mktemp("pa"))
    try:
        server.start(wait_for)
        yield server
    finally:
        server.stop_all()
