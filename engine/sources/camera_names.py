"""In a process of its own: the cameras that FFmpeg finds, as one line of JSON.

PyAV holds the GIL while FFmpeg asks the system (av/device.py), which takes DirectShow some tenths of a second and a
driver that hangs for ever: in the engine's process no frame would be drawn meanwhile.
"""

import json
import sys


def main(format_name: str) -> None:
    """Print a list of `[name, description]`, or a string that says why there is none."""
    import av

    try:
        devices = av.enumerate_input_devices(format_name)
    except (av.FFmpegError, OSError, ValueError) as error:
        sys.stdout.write(json.dumps(str(error)))
        return
    found = [[device.name, device.description] for device in devices if "video" in device.media_types]
    sys.stdout.write(json.dumps(found))
