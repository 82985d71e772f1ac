"""Lists audio inputs and outputs, finds one by name or index, and recognises loopback devices."""

import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from engine.audio.compat_sounddevice import restart_portaudio
from engine.errors import AudioError
from engine.system import win32
from engine.system.python_process import start_python, utf8_environment

RELEASE_TIMEOUT_S = (
    2.0  # for the other streams to close; if they do not, PortAudio is not restarted
)

logger = logging.getLogger(__name__)

LISTED_WITHIN_S = 10.0
Kind = Literal["input", "output"]
KINDS: tuple[Kind, ...] = ("input", "output")
MAX_CHANNELS = 64
# In the names of devices that carry the computer's own sound.
_LOOPBACK = re.compile(
    r"blackhole|soundflower|loopback audio|cable output|voicemeeter out|what u hear|monitor "
    r"of|\.monitor"
    # Stereo Mix, as Windows' drivers name it in other languages
    r"|stereo ?mix|mixage st.r.o|mezcla est.reo|(mixagem|mistura) est.reo|missaggio stereo|miks "
    r"stereo|sztere. kever."
    r"|stereo karışımı|стерео ?микшер|立体声混音|立體聲混音|ステレオ ?ミキサー|스테레오 믹스",
    re.I,
)
_INSTANCE = re.compile(r"(?<![^( ])\d+- ")
"""Windows' number of a device that is in another socket than at first: `Line (2- USB Audio
CODEC)`."""
# Windows lists a card once per interface; the first of these is used. Never WDM-KS: PortAudio needs
# a callback for it.
WASAPI = "Windows WASAPI"
_HOSTAPI_ORDER = (WASAPI, "ASIO", "Windows DirectSound", "MME")
_UNREADABLE_HOSTAPI = "Windows WDM-KS"
_LISTED_ON_WINDOWS = (WASAPI, "ASIO")
# ALSA devices that are a sound server: they accept any number of channels and convert.
_SERVER_NAMES = ("default", "sysdefault", "pulse", "pipewire")
_SERVER_CHANNELS = 32


def load_portaudio() -> ModuleType:
    """The sounddevice module; importing it starts PortAudio. AudioError if PortAudio is not
    installed."""
    if sys.platform == "win32" and "sounddevice" not in sys.modules:
        # PortAudio holds COM objects until the process ends, but the thread that started it may end
        # before.
        _warn_of_com(win32.keep_com_alive())
    try:
        import sounddevice
    except OSError as error:
        advice = (
            "install it with: apt install libportaudio2" if sys.platform == "linux" else str(error)
        )
        raise AudioError(f"no PortAudio on this machine ({advice})") from None
    module: ModuleType = sounddevice
    return module


@contextmanager
def com_apartment() -> Iterator[None]:
    """Initialise COM on this thread of Windows, so that it can open and close PortAudio streams.

    Windows needs COM initialised on each thread. PortAudio does it only on the thread it starts on;
    on any other, WASAPI devices fail to open: CO_E_NOTINITIALIZED, reported as "Invalid device"
    (PortAudio's issues 250 and 792). We make a single-threaded apartment, as PortAudio does
    (pa_win_coinitialize.c); ASIO drivers open in no other."""
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
        logger.warning(
            "audio: COM initialisation failed (%#010x); sound devices may not open",
            result & 0xFFFFFFFF,
        )


class PortAudioSession:
    """Shares PortAudio among the streams of a process: loaded once, restarted only while no stream
    is open. Any thread.

    PortAudio lists devices once, when it starts. A reconnected device is found at its old index on
    some systems (ALSA opens by name). On others it is found only after a restart of PortAudio,
    which ends every stream of this process. So a stream that lost its device first tries the old
    index, then checks in a fresh process if the device is listed, and only then calls `renew`: all
    other streams are asked to close (`is_renewing`), PortAudio restarts, and all are reopened. The
    other streams lose a fraction of a second."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._users = 0  # streams that are open, or being opened
        self.is_renewing = False
        """True while PortAudio restarts: close every stream; `take` returns when it may be opened
        again."""

    def take(self) -> None:
        """Keep PortAudio running until `release`, for a stream's lifetime. Waits during a
        restart."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_renewing)
            self._users += 1

    def release(self) -> None:
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Call `take`, and `release` at the end of the block."""
        self.take()
        try:
            yield
        finally:
            self.release()

    def renew(self) -> None:
        """Restart PortAudio once no stream is open. Never call it between `take` and `release`.
        AudioError, and no restart, if a stream is not closed in time."""
        sounddevice = load_portaudio()
        with self._changed:
            if self.is_renewing:  # another stream restarts it already
                self._changed.wait_for(lambda: not self.is_renewing)
                return
            others = self._users
            self.is_renewing = True
            try:
                if not self._changed.wait_for(lambda: self._users == 0, timeout=RELEASE_TIMEOUT_S):
                    raise AudioError(
                        "the device needs a restart of PortAudio, but another stream does not close"
                    )
                if others:
                    logger.warning(
                        "audio: restarting PortAudio for a reconnected device; other devices "
                        "pause briefly"
                    )
                restart_portaudio(sounddevice)
            except sounddevice.PortAudioError as error:
                raise AudioError(
                    f"PortAudio cannot be restarted: {' '.join(str(error).split())}"
                ) from None
            finally:
                self.is_renewing = False
                self._changed.notify_all()


session = PortAudioSession()


class DeviceListing:
    """Lists the devices present now, in a fresh process. Never waits."""

    def __init__(self) -> None:
        self._process = start_python(
            "engine.audio.devices",
            "print_names()",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            environment=utf8_environment(),
        )

    def names(self) -> set[tuple[str, str]] | None:
        """Names of all devices as (name, host API); None until the process is done, empty if it
        found nothing."""
        if self._process.poll() is None:
            return None
        lines = self._process.communicate()[0].decode("utf-8", "replace").splitlines()
        return {(name, hostapi) for name, _, hostapi in (line.rpartition("\t") for line in lines)}

    def close(self) -> None:
        """Kill the process if it is still running."""
        self._process.kill()
        self._process.communicate()


def print_names() -> None:
    """Print a line `name<TAB>host API` for each device present. Called in a process of its own,
    because PortAudio lists new devices only when it starts, and restarting it ends all streams."""
    import sounddevice

    for api in sounddevice.query_hostapis():
        for index in api["devices"]:
            if device := _readable_device(sounddevice, index):
                sys.stdout.write(f"{device['name']}\t{api['name']}\n")


def restart_for(query: str) -> bool:
    """Restart PortAudio if a device with `query` in its name was plugged in since it started; True
    if so. Then the streams of this process pause for a fraction of a second. Waits for a fresh
    process; AudioError as in `renew`."""
    listing = DeviceListing()
    end_s = time.monotonic() + LISTED_WITHIN_S
    while (names := listing.names()) is None and time.monotonic() < end_s:
        time.sleep(0.02)
    if names is None:
        listing.close()
    listed = {(device.name, device.hostapi) for kind in KINDS for device in list_devices(kind)}
    is_new = any(query.lower() in name.lower() for name, _ in (names or set()) - listed)
    if is_new:
        session.renew()
    return is_new


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioDevice:
    """An audio device with inputs, outputs or both."""

    index: int
    name: str
    inputs: int
    """Input channels that the device reports."""
    outputs: int = 0
    """Output channels that the device reports."""
    rate_hz: int
    """Its native sample rate."""
    is_default: bool
    """True if it is the default of the kind that was listed, input or output."""
    is_loopback: bool
    hostapi: str

    @property
    def channels(self) -> int:
        """Channels to open: all, at most 64. A sound server's device has no channel count of its
        own: 2, or 4 if ALSA's configuration names it (`pcm.NAME { type pulse ... }`)."""
        if self.hostapi == "ALSA" and self.inputs >= _SERVER_CHANNELS and "(hw:" not in self.name:
            return 2 if self.name in _SERVER_NAMES else 4
        return min(self.inputs, MAX_CHANNELS)


def list_devices(kind: Kind = "input") -> tuple[AudioDevice, ...]:
    """Every audio input (or output), in PortAudio's order; empty if there is none. AudioError
    without PortAudio.

    Windows: each device is listed once, under WASAPI, with WASAPI's default. PortAudio's own
    default there is MME's (`paHostApiInitializers` in its pa_win_hostapis.c begins with MME), which
    cuts names at 31 characters and is the slowest of the four interfaces. MME, DirectSound and
    WDM-KS list the same devices again. ASIO drivers, which none of these lists, appear with the
    environment variable SD_ENABLE_ASIO."""
    sounddevice = load_portaudio()
    with session.holding():
        hostapis = sounddevice.query_hostapis()
        names = {api["name"] for api in hostapis}
        listed = names.intersection(_LISTED_ON_WINDOWS) if WASAPI in names else names
        try:
            default_index = _default_index(sounddevice, hostapis, kind)
        except sounddevice.PortAudioError:  # no device at all
            return ()
        devices = [
            device
            for api in hostapis
            if api["name"] in listed
            for index in api["devices"]
            if (device := _readable_device(sounddevice, index))
        ]
    return tuple(
        AudioDevice(
            index=device["index"],
            name=device["name"],
            inputs=device["max_input_channels"],
            outputs=device["max_output_channels"],
            rate_hz=round(device["default_samplerate"]),
            is_default=device["index"] == default_index,
            is_loopback=is_loopback_name(device["name"]),
            hostapi=hostapis[device["hostapi"]]["name"],
        )
        for device in sorted(devices, key=lambda device: device["index"])
        if device[f"max_{kind}_channels"] > 0
    )


def _readable_device(sounddevice: ModuleType, index: int) -> dict[str, Any] | None:
    """The device, or None if sounddevice cannot decode its name: one bad name must not hide the
    others."""
    try:
        found: dict[str, Any] = sounddevice.query_devices(index)
    except UnicodeDecodeError as error:
        logger.warning(
            "audio device %d is skipped: its name %r cannot be decoded", index, error.object
        )
        return None
    return found


def _default_index(sounddevice: ModuleType, hostapis: Sequence[dict[str, Any]], kind: Kind) -> int:
    """Index of the default device. If there is none: -1 on Windows, PortAudioError elsewhere."""
    for api in hostapis:
        if api["name"] == WASAPI:
            return int(api[f"default_{kind}_device"])
    return int(sounddevice.query_devices(kind=kind)["index"])


def is_loopback_name(name: str) -> bool:
    return _LOOPBACK.search(name) is not None


def find_device(
    devices: Sequence[AudioDevice], query: str | None, kind: Kind = "input"
) -> AudioDevice:
    """Find an input (or output) by index, name, or part of a name, ignoring case; None is the
    default. Pure. A full name has priority over a part. AudioError, listing the candidates, if none
    or several match."""
    if not devices:
        none = f"no audio {kind} device found"
        raise AudioError(
            f"{none}: run multiverse doctor"
            if query is None
            else f"no audio {kind} {query!r}: {none}"
        )
    usable = [device for device in devices if device.hostapi != _UNREADABLE_HOSTAPI]
    if query is None:
        for device in usable:
            if device.is_default:
                return device
        raise AudioError(f"no default audio {kind} device: choose one listed by multiverse devices")
    if query.isdigit():
        found = [device for device in usable if device.index == int(query)]
    else:
        found = [device for device in usable if device.name.lower() == query.lower()]
        found = found or [device for device in usable if query.lower() in device.name.lower()]
        plain = _INSTANCE.sub("", query.lower())
        found = found or [
            device for device in usable if plain in _INSTANCE.sub("", device.name.lower())
        ]
        by_hostapi = (
            [device for device in found if device.hostapi == hostapi] for hostapi in _HOSTAPI_ORDER
        )
        found = next(filter(None, by_hostapi), found)
    if len(found) == 1:
        return found[0]
    listing = ", ".join(f"{device.index} {device.name!r}" for device in found or usable)
    if found:
        raise AudioError(
            f"audio device {query!r} matches any of {listing}: give the index or more of the name"
        )
    raise AudioError(f"no audio {kind} {query!r}; available: {listing}")


def loopback_advice(devices: Sequence[AudioDevice], platform: str = sys.platform) -> str:
    """One line on how to capture the computer's own sound: the loopback device, or how to install
    one. Pure."""
    if loopbacks := [device for device in devices if device.is_loopback]:
        return f'for the computer\'s own sound: --audio "device:{loopbacks[0].name}"'
    if platform == "darwin":
        return (
            "for the computer's own sound: brew install blackhole-2ch (or blackhole-16ch), "
            "play into it (Audio MIDI Setup, Multi-Output Device), then --audio device:BlackHole"
        )
    if platform == "win32":
        return (
            "for the computer's own sound: enable Stereo Mix (Sound settings, Recording), or "
            "install "
            'VB-Cable (vb-audio.com/Cable), play into CABLE Input, then --audio "device:CABLE '
            'Output"'
        )
    return (
        "for the computer's own sound: PULSE_SOURCE=@DEFAULT_MONITOR@ multiverse run --audio "
        "device:pulse "
        "(PulseAudio or PipeWire; needs libasound2-plugins), or pick 'Monitor of ...' in "
        "pavucontrol"
    )
