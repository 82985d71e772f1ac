"""`multiverse devices`: lists sound inputs and outputs, cameras and other programs' pictures, with loopback advice."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import MultiverseError

if TYPE_CHECKING:
    from engine.audio.devices import AudioDevice
    from engine.sources.devices import CameraDevice
    from engine.sources.published import SharedPicture

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NDI_WAIT_S = 2.0


def devices(
    ndi: Annotated[bool, typer.Option("--ndi", help="Also search the network for NDI sources (takes 2 s).")] = False,
    as_json: AsJson = False,
) -> None:
    """List audio inputs (--audio device:NAME), outputs (--rvc-output device:NAME), cameras (--camera INDEX) and other
    programs' pictures, as --camera takes them."""
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
    if ndi:  # only on request, because systems warn about programs that scan the network
        from engine.sources.ndi import list_ndi

        try:
            sources = list_ndi(NDI_WAIT_S)
        except MultiverseError as error:
            problems.append(str(error))
    textures = list_textures()
    shared = list_shared()
    advice = loopback_advice(inputs)
    if as_json:
        found = {
            "audio_inputs": [dataclasses.asdict(device) for device in inputs],
            "audio_outputs": [dataclasses.asdict(device) for device in outputs],
            "cameras": [dataclasses.asdict(camera) for camera in cameras],
            "textures": [dataclasses.asdict(sender) for sender in textures],
            "shared": [dataclasses.asdict(picture) for picture in shared],
            "ndi": list(sources) if ndi else None,
            "loopback_advice": advice,
            "problems": problems,
        }
        print(json.dumps(found, indent=2))
        return
    print("Audio inputs" if inputs else "Audio inputs: none; `multiverse run` plays its demo loop")
    for device in inputs:
        print(f"  {_audio_line(device, device.inputs)}")
    print("Audio outputs" if outputs else "Audio outputs: none")
    for device in outputs:
        print(f"  {_audio_line(device, device.outputs)}")
    print("Cameras" if any(not camera.is_screen for camera in cameras) else "Cameras: none")
    for camera in cameras:
        print(f"  {_choice(camera.word)}" if camera.is_screen else f"  {camera.index}  {camera.name}")
    seen = [
        *(_choice(sender.word) for sender in textures),
        *(f"{_choice(f'shared:{picture.name}')}  {_shared_line(picture)}" for picture in shared),
        *(_choice(f"ndi:{source}") for source in sources),
    ]
    hint = "" if ndi else "; --ndi also searches the network"
    print(f"Pictures of other programs{'' if seen else ': none'}{hint}")
    for line in seen:
        print(f"  {line}")
    print(f"Advice: {advice}")
    for problem in problems:
        print(f"Problem: {problem}")


def _audio_line(device: "AudioDevice", channels: int) -> str:
    marks = [
        *(["default"] if device.is_default else []),
        *(["the computer's own sound"] if device.is_loopback else []),
    ]
    line = f"{device.index}  {device.name}  ({channels} channels, {device.rate_hz} Hz, {device.hostapi})"
    return f"{line}  [{', '.join(marks)}]" if marks else line


def _choice(word: str) -> str:
    """The option with its name quoted for a shell: other programs' names may contain blanks."""
    return f'--camera "{word}"'


def _shared_line(picture: "SharedPicture") -> str:
    return f"{picture.width}x{picture.height} at {picture.fps:g} fps (process {picture.pid})"
