"""Lists audio inputs and outputs, finds one by name or index, and recognises loopback devices."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from engine.audio.portaudio import load_portaudio, session
from engine.errors import AudioError

logger = logging.getLogger(__name__)

Kind = Literal["input", "output"]

MAX_CHANNELS = 64

# Lower-case parts of the names of devices that carry the computer's own sound.
_LOOPBACKS = (
    "blackhole",
    "soundflower",
    "loopback audio",
    "cable output",
    "voicemeeter out",
    "stereo mix",
    "what u hear",
    "monitor of",
    ".monitor",
)
# Windows lists a card once per interface; the first of these is used. Never WDM-KS: PortAudio needs a callback for it.
WASAPI = "Windows WASAPI"
_HOSTAPI_ORDER = (WASAPI, "ASIO", "Windows DirectSound", "MME")
_UNREADABLE_HOSTAPI = "Windows WDM-KS"
_LISTED_ON_WINDOWS = (WASAPI, "ASIO")
# ALSA devices that are a sound server: they accept any number of channels and convert.
_SERVER_NAMES = ("default", "sysdefault", "pulse", "pipewire")
_SERVER_CHANNELS = 32


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
        """Channels to open: all, at most 64. A sound server's device has no channel count of its own: 2, or 4 if
        ALSA's configuration names it (`pcm.NAME { type pulse ... }`)."""
        if self.hostapi == "ALSA" and self.inputs >= _SERVER_CHANNELS and "(hw:" not in self.name:
            return 2 if self.name in _SERVER_NAMES else 4
        return min(self.inputs, MAX_CHANNELS)


def list_devices(kind: Kind = "input") -> tuple[AudioDevice, ...]:
    """Every audio input (or output), in PortAudio's order; empty if there is none. AudioError without PortAudio.

    Windows: each device is listed once, under WASAPI, with WASAPI's default. PortAudio's own default there is MME's
    (`paHostApiInitializers` in its pa_win_hostapis.c begins with MME), which cuts names at 31 characters and is the
    slowest of the four interfaces. MME, DirectSound and WDM-KS list the same devices again. ASIO drivers, which none
    of these lists, appear with the environment variable SD_ENABLE_ASIO.
    """
    sounddevice = load_portaudio()
    with session.holding():
        hostapis = sounddevice.query_hostapis()
        listed = _listed_hostapis(hostapis)
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


def _listed_hostapis(hostapis: Sequence[dict[str, Any]]) -> set[str]:
    names = {api["name"] for api in hostapis}
    return names.intersection(_LISTED_ON_WINDOWS) if WASAPI in names else names


def _readable_device(sounddevice: ModuleType, index: int) -> dict[str, Any] | None:
    """The device, or None if sounddevice cannot decode its name: one bad name must not hide the others."""
    try:
        found: dict[str, Any] = sounddevice.query_devices(index)
    except UnicodeDecodeError as error:
        logger.warning("audio device %d is skipped: its name %r cannot be decoded", index, error.object)
        return None
    return found


def _default_index(sounddevice: ModuleType, hostapis: Sequence[dict[str, Any]], kind: Kind) -> int:
    """Index of the default device. If there is none: -1 on Windows, PortAudioError elsewhere."""
    for api in hostapis:
        if api["name"] == WASAPI:
            return int(api[f"default_{kind}_device"])
    return int(sounddevice.query_devices(kind=kind)["index"])


def is_loopback_name(name: str) -> bool:
    return any(part in name.lower() for part in _LOOPBACKS)


def find_device(devices: Sequence[AudioDevice], wanted: str | None, kind: Kind = "input") -> AudioDevice:
    """Find an input (or output) by index, name, or part of a name, ignoring case; None is the default. Pure.

    A full name has priority over a part. AudioError, listing the candidates, if none or several match.
    """
    if not devices:
        none = f"no audio {kind} device found"
        raise AudioError(f"{none}: run multiverse doctor" if wanted is None else f"no audio {kind} {wanted!r}: {none}")
    usable = [device for device in devices if device.hostapi != _UNREADABLE_HOSTAPI]
    if wanted is None:
        for device in usable:
            if device.is_default:
                return device
        raise AudioError(f"no default audio {kind} device: choose one listed by multiverse devices")
    if wanted.isdigit():
        found = [device for device in usable if device.index == int(wanted)]
    else:
        found = [device for device in usable if device.name.lower() == wanted.lower()]
        found = found or [device for device in usable if wanted.lower() in device.name.lower()]
        found = _best_hostapi(found)
    if len(found) == 1:
        return found[0]
    listing = ", ".join(f"{device.index} {device.name!r}" for device in found or usable)
    if found:
        raise AudioError(f"audio device {wanted!r} matches any of {listing}: give the index or more of the name")
    raise AudioError(f"no audio {kind} {wanted!r}; available: {listing}")


def _best_hostapi(found: list[AudioDevice]) -> list[AudioDevice]:
    for hostapi in _HOSTAPI_ORDER:
        same = [device for device in found if device.hostapi == hostapi]
        if same:
            return same
    return found


def loopback_advice(devices: Sequence[AudioDevice], platform: str = sys.platform) -> str:
    """One line on how to capture the computer's own sound: the loopback device, or how to install one. Pure."""
    loopbacks = [device for device in devices if device.is_loopback]
    if loopbacks:
        return f'for the computer\'s own sound: --audio "device:{loopbacks[0].name}"'
    if platform == "darwin":
        return (
            "for the computer's own sound: brew install blackhole-2ch (or blackhole-16ch), "
            "play into it (Audio MIDI Setup, Multi-Output Device), then --audio device:BlackHole"
        )
    if platform == "win32":
        return (
            "for the computer's own sound: enable Stereo Mix (Sound settings, Recording), or install "
            'VB-Cable (vb-audio.com/Cable), play into CABLE Input, then --audio "device:CABLE Output"'
        )
    return (
        "for the computer's own sound: PULSE_SOURCE=@DEFAULT_MONITOR@ multiverse run --audio device:pulse "
        "(PulseAudio or PipeWire; needs libasound2-plugins), or pick 'Monitor of ...' in pavucontrol"
    )
