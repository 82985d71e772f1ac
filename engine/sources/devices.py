"""Lists cameras, finds one by name or index, and has the FFmpeg options to open it on each system.

Linux: Video4Linux nodes, read from sysfs. macOS: AVFoundation; Windows: DirectShow, both listed by
FFmpeg.
"""

import errno
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from engine.errors import SourceError
from engine.system.worker_process import WorkerProcess, claim_output

SYSFS = Path("/sys/class/video4linux")
LIST_TIMEOUT_S = 10.0  # starting a process with PyAV takes 0.3 s, ten times that from a cold disk
SIZE = "1280x720"  # supported by every camera of the last fifteen years, at 30 fps in MJPEG
# AVFoundation rejects a rate that the device does not list, and few list FFmpeg's default of 29.97.
MACOS_RATES = (30, 15, 60, 25)
MACOS_PIXELS = ("uyvy422", "nv12")
# In FFmpeg's list AVFoundation's screens come after the cameras (`avf_read_header`,
# libavdevice/avfoundation.m), so that on a Mac without a camera the first screen is number 0.
_MACOS_SCREEN = re.compile(r"Capture screen \d+")
DSHOW_BUFFER_BYTES = 64 << 20  # the default of 3 MB holds one raw 720p picture and drops the next

# A device in FFmpeg's log, from `dshow_cycle_devices`: its name, its media types, and its unique
# name.
_DSHOW_DEVICE = re.compile(r'^"(.*)" \(([^()]*)\)\n +Alternative name "(.*)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraDevice:
    index: int | None
    """Index for `--camera`: N of /dev/videoN on Linux, the index in the system's list elsewhere.
    None for a screen, which is captured only if it is named."""
    name: str
    id: str
    """Name for FFmpeg: a device node, an index or a DirectShow moniker."""

    @property
    def is_screen(self) -> bool:
        return self.index is None

    @property
    def label(self) -> str:
        """The text in lists: `0 FaceTime HD Camera`, `Capture screen 0`."""
        return self.name if self.index is None else f"{self.index} {self.name}"

    @property
    def argument(self) -> str:
        """Argument for `--camera`: a camera's index, as names may be ambiguous or look like a file;
        a screen's name."""
        return self.name if self.index is None else str(self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    format: str
    file: str
    options: dict[str, str]


def list_cameras() -> tuple[CameraDevice, ...]:
    """This machine's cameras, in the system's order, then macOS's screens. SourceError if they
    cannot be listed."""
    if sys.platform == "darwin":
        return list_through_ffmpeg("avfoundation")
    if sys.platform == "win32":
        return list_through_ffmpeg("dshow")
    return list_video4linux(SYSFS)


def list_video4linux(sysfs: Path) -> tuple[CameraDevice, ...]:
    """The capture nodes below `sysfs`. A camera's first node is the picture, others are
    metadata."""
    cameras = []
    for node in sysfs.glob("video[0-9]*"):
        try:
            node_index = int((node / "index").read_text(encoding="ascii"))
            name = (node / "name").read_text(encoding="utf-8", errors="replace").strip()
        except (OSError, ValueError):
            continue  # unplugged meanwhile
        if node_index == 0:
            cameras.append(
                CameraDevice(index=int(node.name[5:]), name=name, id=f"/dev/{node.name}")
            )
    return tuple(sorted(cameras, key=lambda camera: camera.index or 0))


def find_camera(query: int | str, cameras: Sequence[CameraDevice]) -> CameraDevice:
    """Find a camera by index, full name or unique part of a name, ignoring case. A screen has no
    index, and a part of its name finds it only if no camera matches. SourceError, listing the
    cameras, if none or several match."""
    if isinstance(query, int):
        found = [camera for camera in cameras if camera.index == query]
    else:
        name = query.casefold()
        found = [camera for camera in cameras if camera.name.casefold() == name]
        partly = [camera for camera in cameras if name in camera.name.casefold()]
        found = found or [camera for camera in partly if not camera.is_screen] or partly
    if len(found) == 1 or (found and found[0].name.casefold() == str(query).casefold()):
        return found[0]
    there = "; ".join(camera.label for camera in cameras if not camera.is_screen) or "none"
    screens = "; ".join(camera.label for camera in cameras if camera.is_screen)
    there += f"; screens, by name: {screens}" if screens else ""
    if found:
        raise SourceError(
            f"camera {query!r}: several match; give an index or the full name ({there})"
        )
    raise SourceError(
        f"camera {query!r}: not found (available: {there}); a film works, too: give its file"
    )


def attempts(device: CameraDevice, platform: str) -> tuple[Attempt, ...]:
    """Options to try when opening `device`, from best to least demanding. `platform` as in
    `sys.platform`."""
    size = {"video_size": SIZE}
    rate = {"framerate": "30"}
    anything = dict[str, str]()
    if platform == "darwin":
        chosen = product((size, anything), MACOS_RATES, MACOS_PIXELS)
        tries = [
            {"framerate": str(fps), "pixel_format": pixels, **size_option}
            for size_option, fps, pixels in chosen
        ]
        return tuple(
            Attempt(format="avfoundation", file=device.id, options=options) for options in tries
        )
    if platform == "win32":
        buffer = {"rtbufsize": str(DSHOW_BUFFER_BYTES)}
        tries = [buffer | options for options in (size | rate, size, anything)]
        return tuple(
            Attempt(format="dshow", file=f"video={device.id}", options=options) for options in tries
        )
    # Raw 720p at 30 fps is too much for USB 2: most cameras send 10.
    tries = [size | rate | {"input_format": "mjpeg"}, size | rate, anything]
    return tuple(Attempt(format="v4l2", file=device.id, options=options) for options in tries)


def list_through_ffmpeg(format_name: str) -> tuple[CameraDevice, ...]:
    """The cameras of one of FFmpeg's input formats, listed by a separate process. SourceError if
    that fails."""
    failed = f"cameras cannot be listed ({format_name}: "
    try:
        worker = WorkerProcess("engine.sources.devices", f"print_cameras({format_name!r})")
    except OSError as error:
        raise SourceError(f"{failed}{error.strerror or error})") from None
    try:
        line = worker.receive(LIST_TIMEOUT_S)
        found: Any = json.loads(line) if line else None
    except (EOFError, ValueError):  # a driver may have crashed the process
        worker.kill()
        raise SourceError(f"{failed}{worker.reason})") from None
    finally:
        worker.kill()
    if line is None:
        raise SourceError(f"{failed}no answer within {LIST_TIMEOUT_S:g} s)")
    if isinstance(found, str):
        raise SourceError(f"{failed}{found})")
    screens = _MACOS_SCREEN if format_name == "avfoundation" else None
    return tuple(
        CameraDevice(
            index=None if screens and screens.fullmatch(description) else number,
            name=description or name,
            id=name,
        )
        for number, (name, description) in enumerate(found)
    )


def print_cameras(format_name: str) -> None:
    """Print `found_cameras` as one line of JSON. Called in a process of its own, because PyAV holds
    the GIL while FFmpeg asks the system (av/device.py). That takes DirectShow some tenths of a
    second, and never ends with a hanging driver; the engine could not draw meanwhile."""
    with claim_output() as answers:  # drivers print too
        answers.write(json.dumps(found_cameras(format_name)).encode() + b"\n")


def found_cameras(format_name: str) -> list[list[str]] | str:
    """`[name, description]` of each camera that FFmpeg finds, or the error."""
    import av.error

    try:
        devices = av.enumerate_input_devices(format_name)
        return [
            [device.name, device.description] for device in devices if "video" in device.media_types
        ]
    except (av.error.FFmpegError, OSError, ValueError) as error:
        is_of_dshow = format_name == "dshow" and getattr(error, "errno", None) == errno.EIO
        cameras = dshow_cameras(_dshow_log()) if is_of_dshow else None
        return str(error) if cameras is None else cameras


def dshow_cameras(log: str) -> list[list[str]] | None:
    """`[name, description]` of each camera in the log of FFmpeg's `-list_devices`; None if FFmpeg
    failed. Pure."""
    if "Could not enumerate system devices." in log:
        return None
    return [
        [alternative, name]
        for name, kinds, alternative in _DSHOW_DEVICE.findall(log)
        if "video" in kinds.split(", ")
    ]


def _dshow_log() -> str:
    """FFmpeg's list of DirectShow devices, from its log. On a machine without a camera or without a
    sound input `dshow_get_device_list` (libavdevice/dshow.c) returns EIO, because Windows has no
    enumerator for an empty category. The log still lists the devices."""
    # always an error, too: AVERROR_EXIT
    return log_of_opening("dummy", "dshow", {"list_devices": "true"})[0]


def log_of_opening(file: str, format_name: str, options: dict[str, str]) -> tuple[str, str]:
    """FFmpeg's log of opening a device, and its error if it does not open, else ""."""
    import av.error
    import av.logging

    before = (av.logging.get_level(), av.logging.get_skip_repeated())
    refused = ""
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)
    messages: list[Any] = []
    try:
        with av.logging.Capture() as messages:
            av.open(file, format=format_name, options=options).close()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        refused = str(error)
    finally:
        # Avoids a deadlock: closing a decoder waits for its threads with the GIL held, and a thread
        # that logs to Python waits for the GIL.
        av.logging.set_level(before[0])
        av.logging.set_skip_repeated(before[1])
    return "".join(text for _, _, text in messages), refused
