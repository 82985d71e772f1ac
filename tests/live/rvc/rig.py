"""A voice child under test: a real supervisor and process, a ring with a voice, a reader of its
output."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engine.ipc import AudioRing
from engine.live.rvc.converted_sound import ConvertedSound
from engine.live.rvc.settings import PRELOAD
from engine.models.rvc import VoiceSpec
from tests.live.child_rig import ChildRig, defaults_of

RATE_HZ = 16_000
BLOCK, LAG = 1600, 480  # samples: 100 ms; 20 ms of crossfade and 10 of search
LOOKED = 4 * RATE_HZ
BASE: dict[str, Any] = {
    "/rvc/enable": True,
    "/rvc/block_ms": 100.0,
    "/rvc/crossfade_ms": 20.0,
    "/rvc/extra_ms": 300.0,
}


def tone(hz: float, frames: int, first: int = 0) -> np.ndarray:
    """(frames,) float32 of amplitude 0.3: a sawtooth's first partials, from sample `first` on."""
    phase = 2 * np.pi * hz * np.arange(first, first + frames) / RATE_HZ
    return (0.15 * sum(np.sin(n * phase) / n for n in range(1, 5))).astype(np.float32)


def pitch_of(sound: np.ndarray) -> float:
    """Hz of the strongest partial; interpolated, good to 0.1 Hz over 0.2 s."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 16 * len(sound)))
    return float(spectrum.argmax() * RATE_HZ / (16 * len(sound)))


class VoiceRig(ChildRig):
    NAME, PRELOAD, VALUES = "rvc", PRELOAD, defaults_of("rvc") | BASE

    def __init__(
        self,
        voice: Path,
        *,
        spec: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """`voice`: a folder with one."""
        files = {
            "model": str(voice / "voice.pth"),
            "content": str(voice / "content"),
            "pitch": "yin",
        }
        whole = asdict(VoiceSpec(**files | dict(spec or {})))
        super().__init__(
            whole, settings={"gpu_retrieval": "auto", "environment": {}, **(settings or {})}, **more
        )
        self.voice = AudioRing.create("rvc voice", channels=1, rate_hz=RATE_HZ, seconds=12.0)
        self.supervisor.connect_input("voice", self.voice.segment)
        self.read_to = 0
        """The first sample that `take` has not taken."""
        self._listened = ConvertedSound(self.supervisor, "converted")
        self._looked = ConvertedSound(self.supervisor, "converted")

    def hear(self, sound: np.ndarray) -> None:
        self.voice.write(sound[:, None])

    def sing(self, hz: float = 220.0, blocks: int = 1) -> None:
        """Continue a tone without a phase jump."""
        frames = blocks * BLOCK
        self.hear(tone(hz, frames, self.voice.end_sample))

    def converted_end(self) -> int:
        """Number of the last converted sample plus 1; 0 before the first."""
        self._listened.read(self.read_to, 1)  # like a listener, while processes are replaced
        first = max(0, self.voice.end_sample - LOOKED)
        _, presence = self._looked.read(first, LOOKED)
        there = np.flatnonzero(presence)
        return first + int(there[-1]) + 1 if len(there) else 0

    def sing_on(self, wait_for: Callable[..., Any], blocks: int = 1, hz: float = 220.0) -> None:
        """Send block by block, each after the output of the previous one has arrived."""
        for _ in range(blocks):
            self.sing(hz)
            whole = self.voice.end_sample // BLOCK * BLOCK - LAG
            wait_for(lambda whole=whole: self.converted_end() >= whole, f"sample {whole}")

    def take(self, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """The next samples that a listener hears, and their presence."""
        sound = self._listened.read(self.read_to, frames)
        self.read_to += frames
        return sound

    def skip(self) -> None:
        """Continue listening at the end of the output."""
        self.read_to = self.converted_end()

    def wait_until_applied(
        self, wait_for: Callable[..., Any], look: Callable[[], Any] = lambda: None
    ) -> None:
        """Wait until the child has taken all values and made a step after them: it makes one
        between two answered commands. Without a process a call is answered at once."""
        wait_for(lambda: self.status.is_at_work, "a child at work")
        for _ in range(2):
            super().wait_until_applied(wait_for, look)

    def close(self) -> None:
        super().close()
        self._listened.close()
        self._looked.close()
        self.voice.close()
