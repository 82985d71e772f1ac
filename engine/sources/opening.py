"""Opens the sources that `--camera` and the options of live models name."""

import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from pkgutil import resolve_name

from engine.errors import MultiverseError, SourceError, in_one_line
from engine.sources.devices import find_camera, list_cameras
from engine.sources.source import Polled, Source
from engine.system.clock import Clock
from engine.system.closing import Closing
from engine.system.reporting import Report
from engine.system.small_file import open_regular
from engine.system.translate_errors import reason_of
from osc_schema import plugins

# Kinds of source are imported on demand: PyAV, Pillow and OpenCV take 20 to 190 ms each, and the
# engine shows its first picture within 2.5 s of the command.

FROM_PROGRAMS = {
    "ndi": "engine.sources.ndi:NdiSource",
    "shared": "engine.sources.shared_ring:SharedRing",
    "syphon": "engine.sources.syphon:SyphonSource",
    "spout": "engine.sources.spout:SpoutSource",
}
"""The class for each `KIND:NAME`, a picture that another program or a plug-in makes."""
for _name, _point in plugins.declared("multiverse.sources").items():
    if FROM_PROGRAMS.setdefault(_name, _point.value) != _point.value:
        plugins.leave_out(_point, "the engine has a source of this name")
EXAMPLES = {"ndi": "Arena", "shared": "Multiverse", "syphon": "Arena", "spout": "Arena"}
"""An example of a name for each kind; Resolume's programs are called Arena and Avenue."""

MEDIA_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in "mp4 m4v mov mkv webm avi mpg mpeg ts m2ts mxf ogv gif png jpg jpeg webp bmp "
    "tif tiff".split()
)
"""Suffixes of the videos and pictures that `/camera/list` offers."""
ADDRESS = r"(rtsps?|https?|rtmps?|srt|udp)://"


def open_source(spec: str, *, offline: bool, clock: Clock, report: Report) -> Source | None:
    """Open `none`, `test`, a camera by index or name, `ndi:NAME` and the like, an address, a video
    file or a picture. A file with such a name is written `./none`.

    SourceError, in one line, if it is missing or cannot be read; programs and addresses may appear
    later. The caller starts the source, and polls a `Polled` one each frame on the render
    thread."""
    if spec == "none":
        return None
    if spec == "test":
        from engine.sources.test_card import MovingCard

        return MovingCard(offline=offline, clock=clock, report=report)
    open_live = _opener_of(spec)
    if open_live is None:
        return _open_file(Path(spec), offline=offline, clock=clock, report=report)
    if offline:
        raise SourceError(
            f"camera {spec.rpartition('@')[2]}: a live source cannot be used offline; use a video "
            "file"
        )
    return open_live(clock=clock, report=report)


def is_offered(spec: str) -> bool:
    """True if it may be selected over OSC. Not files or addresses, because OSC is
    unauthenticated."""
    if spec in ("none", "test"):
        return True
    return re.match(ADDRESS, spec, re.IGNORECASE) is None and _opener_of(spec) is not None


def _opener_of(spec: str) -> Callable[..., Source] | None:
    """A function that opens the live source, or None if `spec` names a file."""
    kind, is_named, name = spec.partition(":")
    if is_named and kind in FROM_PROGRAMS:
        if not name:
            raise SourceError(
                f"{spec!r} lacks a name; give at least part of one "
                f"({kind}:{EXAMPLES.get(kind, 'NAME')})"
            )
        return partial(_open_program, kind, name)
    if re.match(ADDRESS, spec, re.IGNORECASE):
        return partial(_open_address, spec)
    camera = camera_of(spec)
    return None if camera is None else partial(_open_camera, camera)


def _open_program(kind: str, name: str, *, clock: Clock, report: Report) -> Source:
    from engine.sources.plugin_source import PluginSource

    opened: Source
    try:
        source_class = resolve_name(FROM_PROGRAMS[kind])
        make = partial(source_class, name, clock=clock, report=report)
        # those are polled on the render thread
        if kind in EXAMPLES or issubclass(source_class, Polled):
            opened = make()
        else:
            opened = PluginSource(kind, name, make, clock=clock, report=report)
    except Exception as error:
        if isinstance(error, MultiverseError):
            raise
        raise SourceError(f"{kind}:{name}: cannot be opened ({in_one_line(error)})") from error
    return opened


def _open_address(url: str, *, clock: Clock, report: Report) -> Source:
    from engine.sources.camera import CameraSource, open_stream, redact_url

    return CameraSource(redact_url(url), partial(open_stream, url), clock=clock, report=report)


def _open_camera(camera: int | str, *, clock: Clock, report: Report) -> Source:
    device = find_camera(camera, list_cameras())
    from engine.sources.camera import CameraSource, open_device

    # Keep the name if it was chosen by name: a camera that is plugged in again may get another
    # index.
    return CameraSource(device.name, partial(open_device, camera), clock=clock, report=report)


def camera_of(spec: str) -> int | str | None:
    """Index or name of the camera, or None if `spec` names a file."""
    if re.fullmatch(r"\d{1,4}", spec):
        return int(spec)
    if sys.platform == "linux" and (node := re.fullmatch(r"/dev/video(\d+)", spec)):
        return int(node[1])
    path = Path(spec)
    # Only files in this folder are checked: for `\\HOST\SHARE` Windows would send our credentials
    # to that machine.
    is_path = path.anchor or len(path.parts) > 1 or re.fullmatch(r"\.\w{2,5}", path.suffix)
    return None if is_path or os.path.exists(path) else spec


def _open_file(path: Path, *, offline: bool, clock: Clock, report: Report) -> Source:
    try:
        open_regular(path).close()
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise SourceError(f"{path}: is a folder, not a file") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({reason_of(error)})") from None
    from engine.sources.still import StillPicture, is_still
    from engine.sources.video_file import VideoFile

    if is_still(path):
        return StillPicture(path)
    return VideoFile(path, offline=offline, clock=clock, report=report)


class OpenedVideos:
    """Opens the files and programs that live models request, and keeps them until the end. Use it
    while the engine opens, on that thread."""

    def __init__(self, clock: Clock, report: Report, closing: Closing) -> None:
        self.opened: list[Source] = []
        self._clock = clock
        self._report = report
        self._closing = closing

    def open(self, name: str) -> Source | None:
        """Open and start this file; None for ""."""
        if not name:
            return None
        source = open_source(name, offline=False, clock=self._clock, report=self._report)
        if source is not None:
            self.opened.append(source)
            (self._closing.here if isinstance(source, Polled) else self._closing)(source).start()
        return source
