"""PortAudio for several streams in one process: loaded once, restarted only while no stream is open.

PortAudio lists devices once, when it starts. A reconnected device is found at its old index on some systems (ALSA opens
by name), on others only after a restart of PortAudio, which ends every stream of this process. So a stream that lost
its device first tries the old index, then checks in a fresh process if the device is listed, and only then calls
`renew`: all other streams are asked to close (`is_renewing`), PortAudio restarts, and all are reopened. The other
streams lose a fraction of a second.
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

RELEASE_TIMEOUT_S = 2.0  # for the other streams to close; if they do not, PortAudio is not restarted

logger = logging.getLogger(__name__)


def load_portaudio() -> ModuleType:
    """The sounddevice module; importing it starts PortAudio. AudioError if PortAudio is not installed."""
    if sys.platform == "win32" and "sounddevice" not in sys.modules:
        # PortAudio holds COM objects until the process ends, but the thread that started it may end before.
        _warn_of_com(win32.keep_com_alive())
    try:
        import sounddevice
    except OSError as error:
        advice = "install it with: apt install libportaudio2" if sys.platform == "linux" else str(error)
        raise AudioError(f"no PortAudio on this machine ({advice})") from None
    module: ModuleType = sounddevice
    return module


@contextmanager
def com_apartment() -> Iterator[None]:
    """Let this thread open and close streams.

    Windows needs COM initialised on each thread. PortAudio does it only on the thread it starts on; on any other,
    WASAPI devices fail to open: CO_E_NOTINITIALIZED, reported as "Invalid device" (PortAudio's issues 250 and 792). We
    make a single-threaded apartment, as PortAudio does (pa_win_coinitialize.c); ASIO drivers open in no other.
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
    if result < 0 and result != win32.RPC_E_CHANGED_MODE:  # another apartment type works too
        logger.warning("audio: COM initialisation failed (%#010x); sound devices may not open", result & 0xFFFFFFFF)


class PortAudioSession:
    """Counts the open streams of this process, so that PortAudio is restarted only without any. Any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = 0
        self.is_renewing = False
        """True while PortAudio restarts: close every stream; `take` returns when it may be opened again."""

    def take(self) -> None:
        """Keep PortAudio running until `release`, for a stream's lifetime. Waits during a restart."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_renewing)
            self._held += 1

    def release(self) -> None:
        with self._changed:
            self._held -= 1
            self._changed.notify_all()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """`take`, then `release` at the end of the block."""
        self.take()
        try:
            yield
        finally:
            self.release()

    def renew(self) -> None:
        """Restart PortAudio once no stream is open. Never call it between `take` and `release`.

        AudioError, and no restart, if a stream is not closed in time.
        """
        sounddevice = load_portaudio()
        with self._changed:
            if self.is_renewing:  # another stream restarts it already
                self._changed.wait_for(lambda: not self.is_renewing)
                return
            others = self._held
            self.is_renewing = True
            try:
                if not self._changed.wait_for(lambda: self._held == 0, timeout=RELEASE_TIMEOUT_S):
                    raise AudioError("the device needs a restart of PortAudio, but another stream does not close")
                if others:
                    logger.warning("audio: restarting PortAudio for a reconnected device; other devices pause briefly")
                with suppress(sounddevice.PortAudioError):  # after an earlier attempt that failed halfway
                    sounddevice._terminate()
                sounddevice._initialize()
            except sounddevice.PortAudioError as error:
                raise AudioError(f"PortAudio cannot be restarted: {' '.join(str(error).split())}") from None
            finally:
                self.is_renewing = False
                self._changed.notify_all()


session = PortAudioSession()


class DeviceListing:
    """Lists the devices present now, in a fresh process. Never waits."""

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
        """(name, host API) of every device; None until the process is done, empty if it found nothing."""
        if self._process.poll() is None:
            return None
        answer, _ = self._process.communicate()
        return {(name, hostapi) for name, _, hostapi in (line.rpartition("\t") for line in answer.splitlines())}

    def close(self) -> None:
        """Kill the process if it is still running."""
        self._process.kill()
        self._process.communicate()
