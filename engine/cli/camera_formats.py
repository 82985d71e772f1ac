"""List each camera's sizes, rates and pixel formats, from FFmpeg. For `doctor --report`, in a child.

FFmpeg has no list of them in its API: it writes them to its log, when asked (v4l2: `list_formats`, DirectShow:
`list_options`, ffmpeg-devices manual) or when it cannot give what was asked for (AVFoundation).
"""

import sys
from typing import Any

from engine.sources.devices import CameraDevice, list_cameras

NO_CAMERA_HAS_IT = "1x1"


def list_camera_formats() -> list[dict[str, Any]]:
    """`name`, `index` and `formats`, FFmpeg's own lines, of each camera. macOS may ask for the camera's permission."""
    return [
        {"index": camera.index, "name": camera.name, "formats": ask_formats(camera, sys.platform)}
        for camera in list_cameras()
        if not camera.is_screen  # querying it would record it
    ]


def ask_formats(camera: CameraDevice, platform: str) -> list[str]:
    """FFmpeg's lines about one camera, or those of its error. `platform` as in `sys.platform`."""
    import av
    import av.logging

    form, file, options = format_question(camera, platform)
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as told:
            av.open(file, format=form, options=options).close()
    except (av.FFmpegError, OSError, ValueError) as error:
        refused = str(error)
    else:
        refused = ""
    finally:
        # A decoder that is closed waits for its threads with the GIL held; one that logs to Python waits for the GIL.
        av.logging.set_level(before[0])
        av.logging.set_skip_repeated(before[1])
    lines = [line.strip() for line in "".join(text for _, _, text in told).splitlines() if line.strip()]
    return lines or [refused or "FFmpeg told nothing"]


def format_question(camera: CameraDevice, platform: str) -> tuple[str, str, dict[str, str]]:
    """(FFmpeg's format, file, options) that make it write the formats to its log and open nothing."""
    if platform == "darwin":
        return "avfoundation", camera.id, {"video_size": NO_CAMERA_HAS_IT}
    if platform == "win32":
        return "dshow", f"video={camera.id}", {"list_options": "true"}
    return "v4l2", camera.id, {"list_formats": "all"}
