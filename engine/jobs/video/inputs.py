"""Opens a source by name: a file, a folder, a camera or an address."""

import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

from engine.errors import SourceError, UsageError
from engine.sources.camera import redact_url
from engine.sources.opening import ADDRESS, camera_of
from engine.sources.pictures import Kind, Pictures, VideoPictures, check_options, open_pictures
from engine.values import Deinterlace


def open_input(
    source: str,
    *,
    is_recursive: bool = False,
    but: Collection[Path] = (),
    fps: float | None = None,
    deinterlace: Deinterlace | None = None,
) -> Pictures:
    """Open a video, a picture, a folder of pictures, a camera's index or name, or an address. A
    file on a server is read like one on disk; streams and cameras are live. For a file named like a
    camera use `./0`. SourceError, in one line, if it is missing or has no picture. The caller calls
    `close()`. The options: see `open_pictures`."""
    is_address = re.match(ADDRESS, source, re.IGNORECASE)
    try:
        camera = None if is_address else camera_of(source)
    except (OSError, ValueError):  # not a valid file name; open_pictures reports it
        camera = None
    if not is_address and camera is None:
        return open_pictures(
            Path(source), is_recursive=is_recursive, but=but, fps=fps, deinterlace=deinterlace
        )
    kind: Kind = "video" if camera is None else "live"  # an address may be a video file
    label = redact_url(source) if camera is None else source
    check_options(label, kind, is_recursive=is_recursive, fps=fps, deinterlace=deinterlace)
    return _open_address(source, deinterlace) if camera is None else _open_camera(camera)


def _open_address(url: str, deinterlace: Deinterlace | None) -> Pictures:
    from engine.sources.camera import is_file, is_playlist, open_address
    from engine.sources.live_pictures import LivePictures

    container = open_address(url)
    if is_file(container, url):
        container.close()
        return VideoPictures(url, deinterlace)
    if is_playlist(container):
        container.close()
        playlist = "a playlist (HLS) of a live stream; give the address of the stream itself"
        raise SourceError(f"{redact_url(url)}: {playlist}")
    if deinterlace is not None:
        container.close()
        raise UsageError(f"--deinterlace: {redact_url(url)} is not a film")
    return LivePictures(redact_url(url), partial(open_address, url), opened=container)


def _open_camera(camera: int | str) -> Pictures:
    from engine.sources.camera import open_device
    from engine.sources.devices import find_camera, list_cameras
    from engine.sources.live_pictures import LivePictures

    try:
        device = find_camera(camera, list_cameras())
    except SourceError as error:
        no_file = "" if isinstance(camera, int) else f"{camera}: no such file or folder; "
        raise SourceError(f"{no_file}{error}") from None
    return LivePictures(device.name, partial(open_device, camera), comes_back=True)
