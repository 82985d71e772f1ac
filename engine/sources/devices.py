"""Which cameras there are, what they are called, and how FFmpeg opens one on each system.

Linux: Video4Linux nodes, read from sysfs. macOS: AVFoundation, Windows: DirectShow, both listed by FFmpeg.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SourceError
from engine.system.python_process import command, exit_reason, utf8_environment, without_console

SYSFS = Path("/sys/class/video4linux")
LIST_TIMEOUT_S = 10.0  # a new process and PyAV: 0.3 s, ten times that from a cold disk
SIZE = "1280x720"  # what every camera of the last fifteen years offers, at 30 pictures a second in MJPEG
# AVFoundation refuses a rate that the device does not name, and hardly one names FFmpeg's default of 29.97.
MACOS_RATES = (30, 15, 60, 25)
MACOS_PIXELS = ("uyvy422", "nv12")
# AVFoundation's screens follow its cameras in FFmpeg's list (`avf_read_header`, libavdevice/avfoundation.m), so that on
# a Mac without a camera the first is number 0.
_MACOS_SCREEN = re.compile(r"Capture screen \d+")
DSHOW_BUFFER_BYTES = 64 << 20  # DirectShow's usual 3 MB hold one raw 720p picture and drop the next


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraDevice:
    index: int | None
    """What `--camera` takes: N of /dev/videoN on Linux, the place in the system's list elsewhere. None for a screen,
    which is recorded only where somebody names it."""
    name: str
    id: str
    """What FFmpeg opens: a device node, an index or a DirectShow moniker."""

    @property
    def is_screen(self) -> bool:
        return self.index is None

    @property
    def label(self) -> str:
        """For a list: `0 FaceTime HD Camera`, `Capture screen 0`."""
        return self.name if self.index is None else f"{self.index} {self.name}"

    @property
    def word(self) -> str:
        """Word that chooses it after `--camera`. A camera's name may be another's too, or look like a file's."""
        return self.name if self.index is None else str(self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way of opening a camera."""

    format: str
    file: str
    options: dict[str, str]


def list_cameras() -> tuple[CameraDevice, ...]:
    """The cameras of this machine, in the system's order, and macOS's screens after them. SourceError when the system
    cannot list them."""
    if sys.platform == "darwin":
        return list_through_ffmpeg("avfoundation")
    if sys.platform == "win32":
        return list_through_ffmpeg("dshow")
    return list_video4linux(SYSFS)


def list_video4linux(sysfs: Path) -> tuple[CameraDevice, ...]:
    """Capture nodes below `sysfs`. Of a camera's nodes the first is the picture, others are metadata."""
    cameras = []
    for node in sysfs.glob("video[0-9]*"):
        try:
            place = int((node / "index").read_text(encoding="ascii"))
            name = (node / "name").read_text(encoding="utf-8", errors="replace").strip()
        except (OSError, ValueError):
            continue  # unplugged while we were looking
        if place == 0:
            cameras.append(CameraDevice(index=int(node.name[5:]), name=name, id=f"/dev/{node.name}"))
    return tuple(sorted(cameras, key=lambda camera: camera.index or 0))


def find_camera(wanted: int | str, cameras: Sequence[CameraDevice]) -> CameraDevice:
    """The camera of that index, or of that name: whole, else a part only one has; case does not matter. A screen has
    no index, and a part of its name finds it only where no camera has it.

    SourceError names those that are there.
    """
    if isinstance(wanted, int):
        found = [camera for camera in cameras if camera.index == wanted]
    else:
        name = wanted.casefold()
        found = [camera for camera in cameras if camera.name.casefold() == name]
        partly = [camera for camera in cameras if name in camera.name.casefold()]
        found = found or [camera for camera in partly if not camera.is_screen] or partly
    if len(found) == 1 or (found and found[0].name.casefold() == str(wanted).casefold()):
        return found[0]
    there = "; ".join(camera.label for camera in cameras if not camera.is_screen) or "none"
    screens = "; ".join(camera.label for camera in cameras if camera.is_screen)
    there += f"; screens, by name: {screens}" if screens else ""
    if found:
        raise SourceError(f"camera {wanted!r}: several have that name; give an index or all of the name ({there})")
    raise SourceError(f"camera {wanted!r}: not found (cameras here: {there})")


def attempts(device: CameraDevice, platform: str) -> tuple[Attempt, ...]:
    """Ways of opening `device`, best first; the last asks for the least. `platform` as in `sys.platform`."""
    if platform == "darwin":
        return tuple(
            Attempt(
                format="avfoundation",
                file=device.id,
                options={"framerate": str(rate), "pixel_format": pixels, **size},
            )
            for size in ({"video_size": SIZE}, {})
            for rate in MACOS_RATES
            for pixels in MACOS_PIXELS
        )
    if platform == "win32":
        buffer = {"rtbufsize": str(DSHOW_BUFFER_BYTES)}
        return tuple(
            Attempt(format="dshow", file=f"video={device.id}", options={**buffer, **options})
            for options in ({"video_size": SIZE, "framerate": "30"}, {"video_size": SIZE}, {})
        )
    return tuple(
        Attempt(format="v4l2", file=device.id, options=options)
        for options in (
            # Raw 720p does not fit through USB 2 at 30 pictures a second: most cameras send it at 10.
            {"video_size": SIZE, "framerate": "30", "input_format": "mjpeg"},
            {"video_size": SIZE, "framerate": "30"},
            {},
        )
    )


def list_through_ffmpeg(format_name: str) -> tuple[CameraDevice, ...]:
    """The cameras of one of FFmpeg's formats, asked by another process. SourceError when they cannot be listed."""
    failed = f"cameras cannot be listed ({format_name}: "
    program = command("engine.sources.camera_names", f"main({format_name!r})")
    try:
        asked = subprocess.run(
            program,
            env={**os.environ, **utf8_environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIST_TIMEOUT_S,
            check=False,
            **without_console(),
        )
    except subprocess.TimeoutExpired:
        raise SourceError(f"{failed}no answer within {LIST_TIMEOUT_S:g} s)") from None
    except OSError as error:
        raise SourceError(f"{failed}{error.strerror or error})") from None
    try:
        found = json.loads(asked.stdout)
    except ValueError:  # a driver may crash whoever asks it
        raise SourceError(f"{failed}{exit_reason(asked.returncode)})") from None
    if isinstance(found, str):
        raise SourceError(f"{failed}{found})")
    screens = _MACOS_SCREEN if format_name == "avfoundation" else None
    return tuple(
        CameraDevice(
            index=None if screens and screens.fullmatch(description) else place, name=description or name, id=name
        )
        for place, (name, description) in enumerate(found)
    )
