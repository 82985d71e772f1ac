"""PortAudio for several streams in one process: loaded once, started anew only when none is open.

PortAudio lists devices once, when it starts. A device that was pulled out and put in again is found under its old
place on some systems (ALSA opens by name), on others only by starting PortAudio again, which ends every stream of this
process. So whoever lost a device tries its old place first, then asks a fresh process whether it is there, and only
when it is calls `renew`: all other streams are asked to let go (`is_renewing`), PortAudio starts again, and all are
opened again. The others miss a fraction of a second.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from engine.errors import AudioError
from engine.system import win32
from engine.system.python_process import utf8_environment, without_console

LETTING_GO_S = 2.0  # a driver that does not let go of its stream: everything stays as it is

logger = logging.getLogger(__name__)


def load_portaudio() -> ModuleType:
    """The sounddevice module; importing it starts PortAudio. Raises AudioError where there is none."""
    if sys.platform == "win32" and "sounddevice" not in sys.modules:
        # PortAudio holds COM objects from its start to the process's end, and its first thread may end before.
        _warn_of_com(win32.keep_com_alive())
    try:
        import sounddevice
    except OSError as error:
        advice = "install it with: apt install libportaudio2" if sys.platform == "linux" else str(error)
        raise AudioError(f"no PortAudio on this machine ({advice})") from None
    return sounddevice


@contextmanager
def com_apartment() -> Iterator[None]:
    """Let this thread open and close streams.

    Windows initialises COM for each thread anew, PortAudio does it for the one that it starts on, and WASAPI's devices
    do not open on any other: CO_E_NOTINITIALIZED, told as "Invalid device" (PortAudio's issues 250 and 792). A
    single-threaded apartment, as PortAudio itself makes (pa_win_coinitialize.c); ASIO's drivers open in no other.
    """
    result = win32.enter_com_apartment() if sys.platform == "win32" else None
    try:
        if result is not None:
            _warn_of_com(result)
        yield
    finally:
        if result is not None and result >= 0:
            win32.leave_com_apartment()


def _warn_of_com(result: int) -> None:
    if result < 0 and result != win32.RPC_E_CHANGED_MODE:  # another apartment does, too
        logger.warning("audio: COM does not start (%#010x); sound devices may not open", result & 0xFFFFFFFF)


class PortAudioSession:
    """Who has a stream open. Any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = 0
        self.is_renewing = False
        """Every stream is to be closed, and opened again when `take` lets it."""

    def take(self) -> None:
        """PortAudio stays as it is until `release`: for a stream's whole life. Waits while it is started again."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_renewing)
            self._held += 1

    def release(self) -> None:
        with self._changed:
            self._held -= 1
            self._changed.notify_all()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """`take` and `release`."""
        self.take()
        try:
            yield
        finally:
            self.release()

    def renew(self) -> None:
        """Start PortAudio again, once nobody holds it. Never between `take` and `release`.

        AudioError, and everything as before, when one does not let go in time.
        """
        sounddevice = load_portaudio()
        with self._changed:
            if self.is_renewing:  # somebody else is at it
                self._changed.wait_for(lambda: not self.is_renewing)
                return
            others = self._held
            self.is_renewing = True
            try:
                if not self._changed.wait_for(lambda: self._held == 0, timeout=LETTING_GO_S):
                    raise AudioError("a device comes back only when PortAudio is started again, and a stream is stuck")
                if others:
                    logger.warning("audio: PortAudio starts again for a device that is back; the others pause briefly")
                with suppress(sounddevice.PortAudioError):  # the last attempt may have ended half way
                    sounddevice._terminate()
                sounddevice._initialize()
            except sounddevice.PortAudioError as error:
                raise AudioError(f"PortAudio does not start again: {' '.join(str(error).split())}") from None
            finally:
                self.is_renewing = False
                self._changed.notify_all()


session = PortAudioSession()


class DeviceLook:
    """A look at the devices there are now, through the eyes of a fresh process. Waits for nothing."""

    def __init__(self) -> None:
        program = [sys.executable, str(Path(__file__).with_name("device_names.py"))]
        self._process = subprocess.Popen(
            program,
            env={**os.environ, **utf8_environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            **without_console(),
        )

    def names(self) -> set[tuple[str, str]] | None:
        """(name, host API) of every device; None while it is still looking, empty where it found nothing."""
        if self._process.poll() is None:
            return None
        answer, _ = self._process.communicate()
        return {(name, hostapi) for name, _, hostapi in (line.rpartition("\t") for line in answer.splitlines())}

    def close(self) -> None:
        """Give up what is still under way."""
        self._process.kill()
        self._process.communicate()
