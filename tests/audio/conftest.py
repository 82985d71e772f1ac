"""Test sounds, their analysis, and a sound server."""

import shutil
from collections.abc import Callable, Iterator
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


class Analysis(list[AudioFeatures]):
    """The features after each hop."""

    @property
    def features(self) -> AudioFeatures:
        return self[-1]

    @property
    def onset_counts(self) -> list[int]:
        return [channel.onset_count for channel in self.features.channels]

    def of(self, channel: int, name: str) -> np.ndarray:
        """(hops,): the feature `name` of a channel."""
        return np.array([getattr(features.channels[channel], name) for features in self])


@pytest.fixture
def analyse() -> Callable[..., Analysis]:
    """`analyse(*channels, rate_hz=48000, settings=...)`: each a (frames,) array; hop by hop to the end."""

    def run(*channels: np.ndarray, rate_hz: int = RATE_HZ, settings: AudioSettings | None = None) -> Analysis:
        settings = settings or AudioSettings(auto=(False,) * 4)
        block = np.stack(channels, axis=1).astype(np.float32)
        analyser = Analyser(rate_hz)
        analysis = Analysis()
        for first in range(0, len(block) - analyser.hop_frames + 1, analyser.hop_frames):
            analyser.hop(block[first : first + analyser.hop_frames], settings)
            analysis.append(analyser.features(settings))
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
