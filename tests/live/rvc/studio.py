"""A voice child under test: a real supervisor and process, a ring with a voice, a reader of its output."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import osc_schema
from engine.children.policy import Deadlines
from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import Supervisor
from engine.ipc import AudioRing, Gate
from engine.live.rvc.converted_sound import ConvertedSound
from engine.live.rvc.settings import PRELOAD
from engine.models.rvc import VoiceSpec
from tests.live.picture_studio import QUICK

RATE_HZ = 16_000
BLOCK, LAG = 1600, 480  # samples: 100 ms; 20 ms of crossfade and 10 of search
LOOKED = 4 * RATE_HZ
DEFAULTS = {param.address: param.default for param in osc_schema.PARAMS if param.child == "rvc"}
BASE: dict[str, Any] = {"/rvc/enable": True, "/rvc/block_ms": 100.0, "/rvc/crossfade_ms": 20.0, "/rvc/extra_ms": 300.0}


def settings_of(voice: Path | str, **spec: Any) -> dict[str, Any]:
    """The settings of a child for a folder with a voice (or `random:SHAPE`)."""
    folder = Path(voice)
    files = {"model": str(folder / "voice.pth"), "content": str(folder / "content")}
    named = {"model": str(voice)} if str(voice).startswith("random:") else files
    return {
        "spec": asdict(VoiceSpec(**{**named, "pitch": "yin", **spec})),
        "device": "cpu",
        "dtype": "auto",
        "gpu_retrieval": "auto",
        "environment": {},
        "threads": 1,
    }


def tone(hz: float, frames: int, first: int = 0) -> np.ndarray:
    """(frames,) float32 of amplitude 0.3: a sawtooth's first partials, from sample `first` on."""
    phase = 2 * np.pi * hz * np.arange(first, first + frames) / RATE_HZ
    return (0.15 * sum(np.sin(n * phase) / n for n in range(1, 5))).astype(np.float32)


def pitch_of(sound: np.ndarray) -> float:
    """Hz of the strongest partial; interpolated, good to 0.1 Hz over 0.2 s."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 16 * len(sound)))
    return float(spectrum.argmax() * RATE_HZ / (16 * len(sound)))


class VoiceStudio:
    def __init__(
        self,
        voice: Path | str,
        *,
        spec: Mapping[str, Any] | None = None,
        loop: str = "engine.live.rvc.loop:run",
        settings: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        times: Deadlines = QUICK,
        gate: Gate | None = None,
    ) -> None:
        self.reports: list[tuple[str, str]] = []
        self.swaps: list[tuple[bool, str]] = []
        started_with = {**settings_of(voice, **(spec or {})), **(settings or {})}
        self.supervisor = Supervisor(
            ChildSpec(name="rvc", loop=loop, settings=started_with, preload=PRELOAD, niceness=0),
            report=lambda key, line: self.reports.append((key, line)),
            times=times,
            gate=gate,
            on_swap=lambda is_done, reason: self.swaps.append((is_done, reason)),
        )
        self.voice = AudioRing.create("rvc voice", channels=1, rate_hz=RATE_HZ, seconds=12.0)
        self.supervisor.connect_input("voice", self.voice.segment)
        self.read_to = 0
        """The first sample that `take` has not taken."""
        self._listened = ConvertedSound(self.supervisor, "converted")
        self._looked = ConvertedSound(self.supervisor, "converted")
        self.set({**DEFAULTS, **BASE, **(values or {})})

    def reset(self) -> None:
        self.set({**DEFAULTS, **BASE})

    def set(self, values: Mapping[str, Any]) -> None:
        self.supervisor.set_values(values)

    def hear(self, sound: np.ndarray) -> None:
        self.voice.write(sound[:, None])

    def sing(self, hz: float = 220.0, blocks: int = 1) -> None:
        """Continue a tone without a phase jump."""
        frames = blocks * BLOCK
        self.hear(tone(hz, frames, self.voice.end_sample))

    def made_to(self) -> int:
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
            wait_for(lambda whole=whole: self.made_to() >= whole, f"sample {whole}")

    def take(self, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """The next samples that a listener hears, and their presence."""
        taken = self._listened.read(self.read_to, frames)
        self.read_to += frames
        return taken

    @property
    def status(self) -> ChildStatus:
        return self.supervisor.status()

    def fact(self, name: str) -> Any:
        return self.status.facts.get(name)

    def told(self, key: str) -> str:
        """The child's newest note with this key, or ""."""
        return next((line for told, line in reversed(self.reports) if told == f"child.rvc.{key}"), "")

    def skip(self) -> None:
        """Continue listening at the end of the output."""
        self.read_to = self.made_to()

    def taken(self, wait_for: Callable[..., Any]) -> None:
        """Wait until the child has taken all values and made a step after them: it makes one between two answered
        commands. Without a process a call is answered at once."""
        wait_for(lambda: self.status.is_at_work, "a child at work")
        for _ in range(2):
            answers: list[str] = []
            self.supervisor.call("anything", on_answer=lambda is_done, text: answers.append(text))  # noqa: B023
            wait_for(lambda: answers, "the child's answer")  # noqa: B023

    def close(self) -> None:
        self.supervisor.close()
        self._listened.close()
        self._looked.close()
        self.voice.close()
