"""In a process of its own: the cameras that FFmpeg finds, as one line of JSON.

PyAV holds the GIL while FFmpeg asks the system (av/device.py), which takes DirectShow some tenths of a second and a
driver that hangs for ever: in the engine's process no frame would be drawn meanwhile.
"""

import errno
import json
import re
import sys
from typing import Any

# As `dshow_cycle_devices` writes a device to FFmpeg's log: its name, what it gives, and the name that is its own.
_DSHOW_DEVICE = re.compile(r'^"(.*)" \(([^()]*)\)\n +Alternative name "(.*)"$', re.MULTILINE)


def main(format_name: str) -> None:
    """Print a list of `[name, description]`, or a string that says why there is none."""
    import av

    try:
        devices = av.enumerate_input_devices(format_name)
    except (av.FFmpegError, OSError, ValueError) as error:
        is_of_dshow = format_name == "dshow" and getattr(error, "errno", None) == errno.EIO
        cameras = dshow_cameras(_dshow_log()) if is_of_dshow else None
        sys.stdout.write(json.dumps(str(error) if cameras is None else cameras))
        return
    found = [[device.name, device.description] for device in devices if "video" in device.media_types]
    sys.stdout.write(json.dumps(found))


def dshow_cameras(log: str) -> list[list[str]] | None:
    """`[name, description]` of each camera in what FFmpeg's `-list_devices` writes; None where it cannot ask. Pure."""
    if "Could not enumerate system devices." in log:
        return None
    return [
        [alternative, name] for name, kinds, alternative in _DSHOW_DEVICE.findall(log) if "video" in kinds.split(", ")
    ]


def _dshow_log() -> str:
    """FFmpeg's list of DirectShow's devices, from its log.

    `dshow_get_device_list` (libavdevice/dshow.c) answers EIO, and nothing else, on a machine that has no camera or no
    sound input: Windows gives no enumerator for an empty category. Its log has what there is.
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
        pass  # it always ends so: AVERROR_EXIT
    finally:
        av.logging.set_level(before[0])
        av.logging.set_skip_repeated(before[1])
    return "".join(text for _, _, text in told)
