"""Sound in, features out: device capture, files and the demo loop, with one common analysis.

Start with `open_audio` (open.py), which returns an `AudioInput` (input.py). The path of a sample:

    device.py, or file.py and demo.py through feed.py, fill
    ring.py, which is read hop by hop by
    ltc.py, which reads and removes timecode, and
    analyser.py, which calls layout.py, levels.py (gain and envelope), window.py (the waves that are drawn),
                             spectrum.py with pitch.py and onset.py, beat.py with beat_states.py and drums.py

Everything is exported lazily: importing this package loads neither NumPy nor PortAudio nor libsndfile.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.audio.input import AudioInput, AudioStatus
    from engine.audio.open import open_audio
    from engine.audio.settings import AudioSettings

__all__ = ["AudioInput", "AudioSettings", "AudioStatus", "open_audio"]

_HOMES = {
    "AudioInput": "engine.audio.input",
    "AudioSettings": "engine.audio.settings",
    "AudioStatus": "engine.audio.input",
    "open_audio": "engine.audio.open",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
