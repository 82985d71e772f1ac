"""Shows the picture as a camera of this machine, for video calls, browsers and OBS.

The library is under the GPL 2 and keeps Python's lock while it converts and writes a picture, so it
is loaded in a process of its own only (virtualcam_program.py). The camera keeps the size and the
rate of its start, because the programs that read it do not expect another one: pictures of another
size are scaled into it, on black.
"""

import sys
from pathlib import Path
from typing import Final

import msgspec

from engine.sinks.program_sink import ProgramSink
from engine.sinks.registry import require_available
from engine.sinks.sink import OutputFormat, PictureName
from engine.system.worker_process import WorkerProcess

LINUX_DEVICES: Final = Path("/sys/module/v4l2loopback")
SETUP: Final = {
    "linux": "sudo apt install v4l2loopback-dkms; sudo modprobe v4l2loopback exclusive_caps=1 "
    "card_label=Multiverse",
    "darwin": "install OBS 30 or newer (https://obsproject.com), start its virtual camera once, "
    "stop it and end OBS",
    "win32": "install OBS (https://obsproject.com), start its virtual camera once, stop it and "
    "end OBS",
}
"""How a system gets a virtual camera."""


def missing_driver() -> str:
    """Why this machine can have no virtual camera, with the next step; "" also where only opening
    one would show it."""
    if sys.platform == "linux" and not LINUX_DEVICES.exists():
        return f"needs the driver v4l2loopback: {SETUP['linux']}"
    return ""


class CameraOpening(msgspec.Struct, frozen=True, kw_only=True):
    """The line to the process."""

    segment: str
    """The ring of pictures."""
    device: str
    """"" for the first one."""
    width: int
    height: int
    fps: float


class CameraState(msgspec.Struct, frozen=True, kw_only=True):
    """A line from the process, whenever something in it changes."""

    detail: str = ""
    """Device and size; "" before it is open."""
    error: str = ""
    """Why there is no camera; the process ends."""


class VirtualcamSink(ProgramSink):
    kind = "virtualcam"
    program = "engine.sinks.virtualcam_program"

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        super().__init__(argument, picture)
        self._state = CameraState()

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        require_available(self.kind)
        self._output_format = output_format
        super().start(output_format, may_wait=may_wait)

    def _status_detail(self) -> str:
        return self._state.detail

    def _send_opening(self, process: WorkerProcess, segment: str) -> None:
        form = self._output_format
        opening = CameraOpening(
            segment=segment,
            device=self._argument,
            width=form.width,
            height=form.height,
            fps=form.fps,
        )
        process.send(msgspec.json.encode(opening) + b"\n")

    def _handle_line(self, line: bytes) -> bool:
        self._state = msgspec.json.decode(line, type=CameraState)
        return bool(self._state.detail)

    def _failure(self, reason: str) -> str:
        return self._state.error or f"its process ended ({reason})"
