"""Opens the sound that `--audio` names."""

from typing import TYPE_CHECKING

from engine.audio.feed import Feed
from engine.audio.input import AudioInput, Capture, LiveAudio, OfflineAudio
from engine.errors import AudioError, UsageError
from engine.system.clock import Clock
from engine.system.reporting import Report

if TYPE_CHECKING:
    from engine.audio.output import DeviceOutput

DEVICE_PREFIX = "device:"


def open_audio(spec: str | None, *, offline: bool, clock: Clock, report: Report) -> AudioInput:
    """The sound that `spec` names, not yet started.

    "demo" is the built-in loop, "device:NAME_OR_INDEX" a capture device, anything else a sound file (looped
    live, played once offline). None is the default device, with the demo loop as the fallback; `choice` tells why.
    AudioError if the device is missing or the file cannot be played; UsageError for a device offline.
    """
    if spec is None:
        return _open_default(offline, clock, report)
    if spec == "demo":
        return _open_demo("demo loop", offline, clock, report)
    if spec.startswith(DEVICE_PREFIX):
        if offline:
            raise UsageError(f"--audio {spec}: a device cannot be captured offline; use a file or demo")
        return _open_device(spec.removeprefix(DEVICE_PREFIX), report=report, clock=clock)
    from engine.audio.file import FileFeed

    feed = FileFeed(spec, is_looped=not offline, report=report)
    choice = f"file {feed.description}"
    return _play(feed, choice, offline, clock, report)


def open_capture(spec: str, *, clock: Clock, report: Report) -> Capture:
    """Open live sound without analysis, such as a voice: "device:NAME_OR_INDEX" or a looped sound file. Not started.

    AudioError as in `open_audio`.
    """
    if spec.startswith(DEVICE_PREFIX):
        from engine.audio.device import DeviceCapture

        return DeviceCapture(spec.removeprefix(DEVICE_PREFIX), clock, report)
    from engine.audio.feed import Playback
    from engine.audio.file import FileFeed

    return Playback(FileFeed(spec, is_looped=True, report=report), clock, report)


def open_output(spec: str, *, clock: Clock, report: Report) -> "DeviceOutput | None":
    """Open a sound output: "none", "default" or "device:NAME_OR_INDEX". It is silent until `play` is called.

    AudioError if it is missing or cannot be opened; UsageError for anything else.
    """
    if spec == "none":
        return None
    if spec != "default" and not spec.startswith(DEVICE_PREFIX):
        raise UsageError(f"sound output {spec!r}: not one of none, default, device:NAME (see `multiverse devices`)")
    from engine.audio.output import DeviceOutput

    return DeviceOutput(None if spec == "default" else spec.removeprefix(DEVICE_PREFIX), clock, report)


def _open_default(offline: bool, clock: Clock, report: Report) -> AudioInput:
    if offline:
        return _open_demo("demo loop (devices cannot be captured offline)", offline, clock, report)
    try:
        return _open_device(None, clock=clock, report=report)
    except AudioError as error:
        return _open_demo(f"demo loop ({error})", offline, clock, report)


def _open_device(wanted: str | None, *, clock: Clock, report: Report) -> AudioInput:
    from engine.audio.device import DeviceCapture

    capture = DeviceCapture(wanted, clock, report)
    choice = capture.description + (" (the default input)" if wanted is None else "")
    return LiveAudio(capture, choice, report)


def _open_demo(choice: str, offline: bool, clock: Clock, report: Report) -> AudioInput:
    from engine.audio.demo import demo_feed

    feed = demo_feed()
    return _play(feed, choice, offline, clock, report)


def _play(feed: Feed, choice: str, offline: bool, clock: Clock, report: Report) -> AudioInput:
    if offline:
        return OfflineAudio(feed, choice)
    from engine.audio.feed import Playback

    return LiveAudio(Playback(feed, clock, report), choice, report)
