"""Lists each camera's sizes, rates and pixel formats, from FFmpeg. For `doctor --report`, in a child process.

FFmpeg's API has no such list. It writes the formats to its log, either on request (v4l2: `list_formats`, DirectShow:
`list_options`, ffmpeg-devices manual) or when an impossible size is requested (AVFoundation).
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
        if not camera.is_screen  # querying a screen would record it
    ]


def ask_formats(camera: CameraDevice, platform: str) -> list[str]:
    """FFmpeg's log lines about one camera, or its error. `platform` as in `sys.platform`."""
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
        # Avoids a deadlock: closing a decoder waits for its threads with the GIL held, and a thread that logs to Python
        # waits for the GIL.
        av.logging.set_level(before[0])
        av.logging.set_skip_repeated(before[1])
    lines = [line.strip() for line in "".join(text for _, _, text in told).splitlines() if line.strip()]
    return lines or [refused or "FFmpeg logged nothing"]


def format_question(camera: CameraDevice, platform: str) -> tuple[str, str, dict[str, str]]:
    """(FFmpeg's format, file, options) that make FFmpeg log the formats without opening the camera."""
    if platform == "darwin":
        return "avfoundation", camera.id, {"video_size": NO_CAMERA_HAS_IT}
    if platform == "win32":
        return "dshow", f"video={camera.id}", {"list_options": "true"}
    return "v4l2", camera.id, {"list_formats": "all"}
