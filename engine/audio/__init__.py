"""Sound in, features out: device capture, files and the demo loop, with one common analysis.

Start with `open_audio` (open.py), which returns an `AudioInput` (input.py). The path of a sample:

    device.py, or file.py and demo.py through playback.py, fill
    ring.py, which is read hop by hop by
    ltc_tap.py, which reads and removes timecode (ltc.py), and
    analyser.py, which calls layout.py, gain.py, history.py with window.py (the waves that are drawn),
                             spectrum.py with pitch.py and onset.py, envelope.py

Everything is exported lazily: importing this package loads neither NumPy nor PortAudio nor libsndfile.
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.audio.input import AudioInput, AudioStatus
    from engine.audio.open import open_audio
    from engine.audio.settings import AudioSettings

__all__ = ["AudioInput", "AudioSettings", "AudioStatus", "open_audio"]

_HOMES = {
    "AudioInput": "input",
    "AudioSettings": "settings",
    "AudioStatus": "input",
    "open_audio": "open",
}
__getattr__ = lazy_names(__name__, _HOMES)
