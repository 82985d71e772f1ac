"""Test sounds, their analysis, and a sound server."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.audio.analyser import Analyser
from engine.audio.input import LiveAudio
from engine.audio.settings import AudioSettings
from engine.system.clock import Clock, SteppedClock
from engine.values import AudioFeatures
from tests.audio.sound_server import SoundServer
from tests.support.needed import has_portaudio

RATE_HZ = 48_000


@pytest.fixture
def sine() -> Callable[..., np.ndarray]:
    """`sine(hz, seconds=1.0, amplitude=0.5, rate_hz=48000)`: (frames,) float32, from a rising
    zero."""

    def make(
        hz: float, seconds: float = 1.0, amplitude: float = 0.5, rate_hz: int = RATE_HZ
    ) -> np.ndarray:
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
    """`analyse(*channels, rate_hz=48000, settings=...)` analyses channels, each (frames,), hop by
    hop to the end."""

    def run(
        *channels: np.ndarray, rate_hz: int = RATE_HZ, settings: AudioSettings | None = None
    ) -> Analysis:
        settings = settings or AudioSettings(auto=(False,) * 4)
        block, analyser = np.stack(channels, axis=1).astype(np.float32), Analyser(rate_hz)
        analysis = Analysis()
        for first in range(0, len(block) - analyser.hop_frames + 1, analyser.hop_frames):
            analyser.hop(block[first : first + analyser.hop_frames], settings)
            analysis.append(analyser.features(settings))
        return analysis

    return run


@pytest.fixture
def play_live() -> Callable[..., LiveAudio]:
    """`play_live(open_)`: the sound that `open_(clock)` opens, started. Its time passes as fast as
    it is analysed."""
    opened: list[LiveAudio] = []

    class AnalysedClock(SteppedClock):
        def sleep_until(self, due_s: float) -> None:
            end_s = time.perf_counter() + 0.1  # once it is closed, nobody analyses what is left
            while opened and opened[0].latest_features().end_sample < opened[0].capture.ring.newest:
                if time.perf_counter() > end_s:
                    break
                time.sleep(0.0005)
            super().sleep_until(due_s)

    def play(open_: Callable[[Clock], LiveAudio]) -> LiveAudio:
        opened.append(open_(AnalysedClock()))
        opened[0].start()
        return opened[0]

    return play


@pytest.fixture
def sound_server(tmp_path_factory, require, wait_for) -> Iterator[SoundServer]:
    """A PulseAudio server for this test. Linux only."""
    for program in ("pulseaudio", "paplay", "parec", "pactl"):
        require(shutil.which(program), "PulseAudio")
    plugin = list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
    require(plugin, "PulseAudio")
    require(has_portaudio(), "PortAudio")
    server = SoundServer(tmp_path_factory.mktemp("pa"))
    try:
        server.start(wait_for)
        yield server
    finally:
        server.stop_all()
