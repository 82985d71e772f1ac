"""Program that prints the cameras FFmpeg finds, as one line of JSON.

It is a separate process because PyAV holds the GIL while FFmpeg asks the system (av/device.py). That takes DirectShow
some tenths of a second, and never ends with a hanging driver; the engine could not draw meanwhile.
"""

import errno
import json
import re
import sys
from typing import Any

# A device in FFmpeg's log, from `dshow_cycle_devices`: its name, its media types, and its unique name.
_DSHOW_DEVICE = re.compile(r'^"(.*)" \(([^()]*)\)\n +Alternative name "(.*)"$', re.MULTILINE)


def main(format_name: str) -> None:
    """Print a list of `[name, description]`, or a string with the error."""
    import av

    try:
        devices = av.enumerate_input_devices(format_name)
        found: Any = [[device.name, device.description] for device in devices if "video" in device.media_types]
    except (av.FFmpegError, OSError, ValueError) as error:
        is_of_dshow = format_name == "dshow" and getattr(error, "errno", None) == errno.EIO
        cameras = dshow_cameras(_dshow_log()) if is_of_dshow else None
        found = str(error) if cameras is None else cameras
    sys.stdout.write(json.dumps(found) + "\n")


def dshow_cameras(log: str) -> list[list[str]] | None:
    """`[name, description]` of each camera in the log of FFmpeg's `-list_devices`; None if FFmpeg failed. Pure."""
    if "Could not enumerate system devices." in log:
        return None
    return [
        [alternative, name] for name, kinds, alternative in _DSHOW_DEVICE.findall(log) if "video" in kinds.split(", ")
    ]


def _dshow_log() -> str:
    """FFmpeg's list of DirectShow devices, from its log.

    On a machine without a camera or without a sound input `dshow_get_device_list` (libavdevice/dshow.c) returns EIO,
    because Windows has no enumerator for an empty category. The log still lists the devices.
    """
    import av
    import av.logging

    before = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)
    told: list[Any] = []
    try:
        with av.logging.Capture() as told:
            av.open("dummy", format="dshow", options={"list_devices": "true"}).close()
    except (av.FFmpegError, OSError):
        pass  # always raised: AVERROR_EXIT
    finally:
        av.logging.set_level(before[0])
        av.logging.set_skip_repeated(before[1])
    return "".join(text for _, _, text in told)
