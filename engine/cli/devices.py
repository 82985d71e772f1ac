"""`multiverse devices`: lists sound inputs and outputs, cameras, other programs' pictures and GPUs,
with advice."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.standard_streams import print_lines

if TYPE_CHECKING:
    from engine.audio.devices import AudioDevice
    from engine.cli.device_list import DeviceList


def devices(
    ndi: Annotated[
        bool, typer.Option("--ndi", help="Also search the network for NDI sources (takes 2 s).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List audio inputs (--audio device:NAME), outputs (--rvc-output device:NAME), cameras
    (--camera INDEX), other programs' pictures, as --camera takes them, and GPUs (--gpu INDEX)."""
    from engine.cli.device_list import find_devices
    from engine.cli.probe import Probe

    probe = Probe("gpus")  # a process of its own, because a driver may crash or hang
    try:
        found = find_devices(wants_ndi=ndi)
        gpus = probe.read()
    finally:
        probe.close()
    if as_json:
        problems = [*found.problems, *([f"GPUs: {gpus.error}"] if gpus.error else [])]
        values = dataclasses.asdict(found) | {
            "gpus": gpus.values.get("gpus", []),
            "problems": problems,
        }
        print(json.dumps(values, indent=2))
    else:
        _print_list(found)
        listed = gpus.values.get("gpus", [])
        print_lines(
            "GPUs"
            if listed
            else f"GPUs: {gpus.error or 'the system chooses, or OpenGL is missing'}"
        )
        for gpu in listed:
            print_lines(
                "  "
                + "  ".join(
                    filter(None, (str(gpu["index"]), gpu["name"], gpu["file"], gpu["error"]))
                )
            )
        print_lines(f"Advice: {found.loopback_advice}")
        for problem in found.problems:
            print_lines(f"Problem: {problem}")


def _print_list(device_list: "DeviceList") -> None:
    print_lines(
        "Audio inputs"
        if device_list.audio_inputs
        else "Audio inputs: none; `multiverse run` plays its demo loop"
    )
    for device in device_list.audio_inputs:
        print_lines(f"  {_audio_line(device, device.inputs)}")
    print_lines("Audio outputs" if device_list.audio_outputs else "Audio outputs: none")
    for device in device_list.audio_outputs:
        print_lines(f"  {_audio_line(device, device.outputs)}")
    print_lines(
        "Cameras"
        if any(not camera.is_screen for camera in device_list.cameras)
        else "Cameras: none"
    )
    for camera in device_list.cameras:
        print_lines(
            f"  {_choice(camera.argument)}"
            if camera.is_screen
            else f"  {camera.index}  {camera.name}"
        )
    seen = [
        *(_choice(sender.word) for sender in device_list.textures),
        *(
            f"{_choice(f'shared:{each.name}')}  {each.width}x{each.height} at {each.fps:g} fps "
            f"(process {each.pid})"
            for each in device_list.shared
        ),
        *(_choice(f"ndi:{source}") for source in device_list.ndi or ()),
    ]
    hint = "; --ndi also searches the network" if device_list.ndi is None else ""
    print_lines(f"Pictures of other programs{'' if seen else ': none'}{hint}")
    for line in seen:
        print_lines(f"  {line}")


def _audio_line(device: "AudioDevice", channels: int) -> str:
    marks = [
        *(["default"] if device.is_default else []),
        *(["the computer's own sound"] if device.is_loopback else []),
    ]
    line = (
        f"{device.index}  {device.name}  ({channels} channels, {device.rate_hz} Hz, "
        f"{device.hostapi})"
    )
    return f"{line}  [{', '.join(marks)}]" if marks else line


def _choice(name: str) -> str:
    """The option with its name quoted for a shell: other programs' names may contain blanks."""
    return f'--camera "{name}"'
