"""Collects what `multiverse devices` lists and the doctor's report holds, apart from the GPUs."""

import dataclasses
from dataclasses import dataclass
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

    def as_values(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return dataclasses.asdict(self)


def find_devices(*, wants_ndi: bool) -> DeviceList:
    """Ask the system for all of them. `wants_ndi`: also search the network, which takes 2 s."""
    from engine.audio.devices import list_devices, loopback_advice
    from engine.sources.devices import list_cameras
    from engine.sources.published import list_shared
    from engine.sources.senders import list_textures

    problems: list[str] = []
    inputs: tuple[AudioDevice, ...] = ()
    outputs: tuple[AudioDevice, ...] = ()
    cameras: tuple[CameraDevice, ...] = ()
    try:
        inputs, outputs = list_devices(), list_devices("output")
    except MultiverseError as error:
        problems.append(f"audio: {error}")
    try:
        cameras = list_cameras()
    except MultiverseError as error:
        problems.append(f"cameras: {error}")
    sources: tuple[str, ...] = ()
    if wants_ndi:  # only on request, because systems warn about programs that scan the network
        from engine.sources.ndi import list_ndi

        try:
            sources = list_ndi(NDI_WAIT_S)
        except MultiverseError as error:
            problems.append(str(error))
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
