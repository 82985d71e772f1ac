"""Lists every device except the GPUs, for `multiverse devices` and the doctor's report."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import MultiverseError

if TYPE_CHECKING:
    from engine.audio.devices import AudioDevice
    from engine.sources.devices import CameraDevice
    from engine.sources.published import SharedPicture
    from engine.sources.senders import PictureSender

NDI_WAIT_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceList:
    audio_inputs: tuple["AudioDevice", ...]
    audio_outputs: tuple["AudioDevice", ...]
    cameras: tuple["CameraDevice", ...]
    textures: tuple["PictureSender", ...]
    shared: tuple["SharedPicture", ...]
    ndi: tuple[str, ...] | None
    """None: the network was not searched."""
    loopback_advice: str
    problems: tuple[str, ...]


def find_devices(*, wants_ndi: bool) -> DeviceList:
    """List all devices of this machine. `wants_ndi`: also search the network for NDI sources, which
    takes 2 s."""
    from engine.audio.devices import list_devices, loopback_advice
    from engine.sources.devices import list_cameras
    from engine.sources.published import list_shared
    from engine.sources.senders import list_textures

    problems: list[str] = []

    def listed(find: Callable[[], tuple[Any, ...]], what: str = "") -> tuple[Any, ...]:
        try:
            return find()
        except MultiverseError as error:
            problems.append(f"{what}{error}")
            return ()

    inputs, outputs = listed(lambda: (list_devices(), list_devices("output")), "audio: ") or (
        (),
        (),
    )
    cameras = listed(list_cameras, "cameras: ")
    sources: tuple[str, ...] = ()
    if wants_ndi:  # only on request, because systems warn about programs that scan the network
        from engine.sources.ndi import list_ndi

        sources = listed(lambda: list_ndi(NDI_WAIT_S))
    return DeviceList(
        audio_inputs=inputs,
        audio_outputs=outputs,
        cameras=cameras,
        textures=list_textures(),
        shared=list_shared(),
        ndi=sources if wants_ndi else None,
        loopback_advice=loopback_advice(inputs),
        problems=tuple(problems),
    )


def ask_devices(ndi: str = "") -> dict[str, Any]:
    return asdict(find_devices(wants_ndi=bool(ndi)))


def ask_camera_formats() -> dict[str, Any]:
    """`name`, `index` and `formats`, FFmpeg's own lines, of each camera. macOS may ask for the
    camera's permission.

    FFmpeg's API has no such list. It writes the formats to its log, either on request (v4l2:
    `list_formats`, DirectShow: `list_options`, ffmpeg-devices manual) or when an impossible size is
    requested (AVFoundation)."""
    from engine.sources.devices import list_cameras

    # querying a screen would record it
    found = [camera for camera in list_cameras() if not camera.is_screen]
    return {
        "cameras": [
            {
                "index": camera.index,
                "name": camera.name,
                "formats": ask_formats(camera, sys.platform),
            }
            for camera in found
        ]
    }


def ask_formats(camera: "CameraDevice", platform: str) -> list[str]:
    """FFmpeg's log lines about one camera, or its error. `platform` as in `sys.platform`."""
    from engine.sources.devices import log_of_opening

    form, file, options = format_question(camera, platform)
    log_text, refused = log_of_opening(file, form, options)
    lines = [line.strip() for line in log_text.splitlines() if line.strip()]
    return lines or [refused or "FFmpeg logged nothing"]


def format_question(camera: "CameraDevice", platform: str) -> tuple[str, str, dict[str, str]]:
    """Arguments, (FFmpeg's format, file, options), that make FFmpeg log the formats without opening
    the camera."""
    if platform == "darwin":
        return "avfoundation", camera.id, {"video_size": "1x1"}  # which no camera has
    if platform == "win32":
        return "dshow", f"video={camera.id}", {"list_options": "true"}
    return "v4l2", camera.id, {"list_formats": "all"}
