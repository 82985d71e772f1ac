"""Private parts of sounddevice, which lists devices only at its import and has no public way to
list them again."""

from contextlib import suppress
from types import ModuleType


def restart_portaudio(sounddevice: ModuleType) -> None:
    """Let PortAudio find its devices again. PortAudioError if it cannot be initialised."""
    with suppress(sounddevice.PortAudioError):  # after an earlier attempt that failed halfway
        sounddevice._terminate()
    sounddevice._initialize()
