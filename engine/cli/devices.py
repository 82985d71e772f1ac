"""`multiverse devices`: what can be heard and seen here, and how to hear the computer itself."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import MultiverseError

if TYPE_CHECKING:
    from engine.audio.devices import AudioDevice
    from engine.sources.devices import CameraDevice

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def devices(as_json: AsJson = False) -> None:
    """List audio inputs (--audio device:NAME) and cameras (--camera INDEX)."""
    from engine.audio.devices import list_devices, loopback_advice
    from engine.sources.devices import list_cameras

    problems: list[str] = []
    inputs: tuple[AudioDevice, ...] = ()
    cameras: tuple[CameraDevice, ...] = ()
    try:
        inputs = list_devices()
    except MultiverseError as error:
        problems.append(f"audio: {error}")
    try:
        cameras = list_cameras()
    except MultiverseError as error:
        problems.append(f"cameras: {error}")
    advice = loopback_advice(inputs)
    if as_json:
        found = {
            "audio_inputs": [dataclasses.asdict(device) for device in inputs],
            "cameras": [dataclasses.asdict(camera) for camera in cameras],
            "loopback_advice": advice,
            "problems": problems,
        }
        print(json.dumps(found, indent=2))
        return
    print("Audio inputs" if inputs else "Audio inputs: none; `multiverse run` plays its demo loop")
    for device in inputs:
        print(f"  {_audio_line(device)}")
    print("Cameras" if cameras else "Cameras: none")
    for camera in cameras:
        print(f"  {camera.index}  {camera.name}")
    print(f"Advice: {advice}")
    for problem in problems:
        print(f"Problem: {problem}")


def _audio_line(device: "AudioDevice") -> str:
    marks = [
        *(["default"] if device.is_default else []),
        *(["the computer's own sound"] if device.is_loopback else []),
    ]
    line = f"{device.index}  {device.name}  ({device.inputs} channels, {device.rate_hz} Hz, {device.hostapi})"
    return f"{line}  [{', '.join(marks)}]" if marks else line
