"""From the word a user gives after `--camera` to a source."""

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from engine.clock import Clock
from engine.errors import SourceError
from engine.sources.devices import find_camera, list_cameras
from engine.sources.source import Source

# The kinds of source are imported when one is chosen: PyAV, Pillow and OpenCV take 20 to 190 ms each, and the
# engine shows its first picture within 2.5 s of the command.


def open_source(spec: str, *, offline: bool, clock: Clock, report: Callable[[str, str], None]) -> Source | None:
    """`none`, `test`, a camera's index or name, a video file or a picture. A file of such a name: `./none`.

    SourceError, in one line, for what is missing or cannot be read, at once. `start()` is the caller's.
    """
    if spec == "none":
        return None
    if spec == "test":
        from engine.sources.test_card import MovingCard

        return MovingCard(offline=offline, clock=clock, report=report)
    camera = _camera_of(spec)
    if camera is None:
        return _open_file(Path(spec), offline=offline, clock=clock, report=report)
    if offline:
        raise SourceError(f"camera {camera}: what it sees cannot be repeated offline; use a video file")
    device = find_camera(camera, list_cameras())
    from engine.sources.camera import Camera, open_device

    # By name where it was chosen by name: a camera that is plugged in again may get another index.
    return Camera(device.name, partial(open_device, camera), clock=clock, report=report)


def _camera_of(spec: str) -> int | str | None:
    """Index or name of the camera meant, or None when a file is."""
    if spec.isdecimal():
        return int(spec)
    if sys.platform == "linux" and (node := re.fullmatch(r"/dev/video(\d+)", spec)):
        return int(node[1])
    path = Path(spec)
    is_file = path.exists() or len(path.parts) > 1 or re.fullmatch(r"\.\w{2,5}", path.suffix)
    return None if is_file else spec


def _open_file(path: Path, *, offline: bool, clock: Clock, report: Callable[[str, str], None]) -> Source:
    if not path.is_file():
        raise SourceError(f"{path}: {'is a folder, not a file' if path.is_dir() else 'no such file'}")
    from engine.sources.still import StillPicture, is_still
    from engine.sources.video_file import VideoFile

    if is_still(path):
        return StillPicture(path)
    return VideoFile(path, offline=offline, clock=clock, report=report)
