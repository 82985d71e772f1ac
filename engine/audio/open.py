"""Opens the sound that `--audio` names."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.audio.feed import Capture
from engine.audio.input import AudioInput, OfflineAudio
from engine.audio.rtp import RTP_PREFIX
from engine.errors import AudioError, UsageError
from engine.system.clock import Clock
from engine.system.reporting import Report

if TYPE_CHECKING:
    from engine.audio.device import DeviceOutput

DEVICE_PREFIX = "device:"
KINDS = ("demo", f"{DEVICE_PREFIX}NAME", f"{RTP_PREFIX}PORT", "FILE", "FOLDER")
"""The kinds of sound that `--audio` takes."""


def open_audio(
    spec: str | None, *, offline: bool, clock: Clock, report: Report, monitor: str = "none"
) -> AudioInput:
    """The sound that `spec` names, not yet started.

    "demo" is the built-in loop, "device:NAME_OR_INDEX" a capture device, "rtp:PORT" another
    program's sound. Anything else is a sound file (looped live, played once offline), or live a
    folder or playlist of them. None is the default device, with the demo loop as the fallback;
    `choice` has the reason. `monitor`: the output for files and the demo loop. AudioError if the
    device is missing or the file cannot be played; UsageError for a device offline."""
    return _open_offline(spec, report) if offline else _open_live(spec, monitor, clock, report)


def open_capture(spec: str, *, clock: Clock, report: Report) -> Capture:
    """Open live sound without analysis, such as a voice: "device:NAME_OR_INDEX" or a looped sound
    file. Not started. AudioError as in `open_audio`."""
    if spec.startswith(DEVICE_PREFIX):
        from engine.audio.device import DeviceCapture

        return DeviceCapture(spec.removeprefix(DEVICE_PREFIX), clock, report)
    from engine.audio.feed import Playback
    from engine.audio.file import FileFeed

    return Playback(FileFeed(spec, is_looped=True, report=report), clock, report)


def open_output(spec: str, *, clock: Clock, report: Report) -> "DeviceOutput | None":
    """Open a sound output: "none", "default" or "device:NAME_OR_INDEX". It is silent until `play`
    is called. AudioError if it is missing or cannot be opened; UsageError for anything else."""
    if spec == "none":
        return None
    if spec != "default" and not spec.startswith(DEVICE_PREFIX):
        raise UsageError(
            f"sound output {spec!r}: not one of none, default, device:NAME (see `multiverse "
            "devices`)"
        )
    from engine.audio.device import DeviceOutput

    return DeviceOutput(
        None if spec == "default" else spec.removeprefix(DEVICE_PREFIX), clock, report
    )


def _open_offline(spec: str | None, report: Report) -> AudioInput:
    if spec in (None, "demo"):
        from engine.audio.demo import demo_feed

        choice = "demo loop" if spec else "demo loop (devices cannot be captured offline)"
        return OfflineAudio(demo_feed(), choice, report)
    assert spec is not None
    if spec.startswith(DEVICE_PREFIX):
        raise UsageError(f"--audio {spec}: a device cannot be captured offline; use a file or demo")
    if spec.startswith(RTP_PREFIX):
        raise UsageError(
            f"--audio {spec}: live sound cannot be received offline; use a file or demo"
        )
    if os.path.isdir(spec) or Path(spec).suffix.lower() in (".m3u", ".m3u8"):
        raise UsageError(f"--audio {spec}: several files play live only; offline name one of them")
    from engine.audio.file import FileFeed

    feed = FileFeed(spec, is_looped=False, report=report)
    if not feed.surround:
        return OfflineAudio(feed, f"file {feed.description}", report)
    from engine.audio.decoded_track import speakers_in

    audio = OfflineAudio(
        feed, f"file {feed.description}, mixed to stereo as {feed.surround}", report
    )
    audio.speakers = speakers_in(feed.surround)
    return audio


def _open_live(spec: str | None, monitor: str, clock: Clock, report: Report) -> AudioInput:
    from engine.audio.chosen import ChosenAudio, ChosenSound

    sound = ChosenSound(clock, report)
    if spec is None:
        try:
            sound.open_device(None)
            choice = f"{sound.description} (the default input)"
        except AudioError as error:
            sound.open_demo()
            choice = f"demo loop ({error})"
    elif spec == "demo":
        sound.open_demo()
        choice = "demo loop"
    elif spec.startswith(DEVICE_PREFIX):
        sound.open_device(spec.removeprefix(DEVICE_PREFIX))
        choice = sound.description
    elif spec.startswith(RTP_PREFIX):
        sound.open_rtp(spec)
        choice = sound.description
    else:
        sound.open_files(Path(spec))
        choice = f"file {sound.description}"
    try:
        sound.open_monitor(monitor)
    except AudioError:
        sound.close()
        raise
    return ChosenAudio(sound, choice, report)
