"""Finding a sound device by name, and the list of devices."""

import json
import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from engine.audio.devices import (
    AudioDevice,
    find_device,
    is_loopback_name,
    list_devices,
    loopback_advice,
)
from engine.cli.devices import devices
from engine.errors import AudioError
from tests.support.needed import has_portaudio


def device(
    index: int, name: str, hostapi: str = "Core Audio", inputs: int = 2, **more: bool
) -> AudioDevice:
    return AudioDevice(
        index=index,
        name=name,
        inputs=inputs,
        rate_hz=48_000,
        is_default=more.get("is_default", False),
        is_loopback=is_loopback_name(name),
        hostapi=hostapi,
    )


MAC = (
    device(0, "MacBook Pro Microphone", is_default=True, inputs=1),
    device(2, "BlackHole 16ch", inputs=16),
    device(3, "Scarlett 18i20 USB", inputs=18),
    device(4, "Scarlett 2i2 USB"),
    device(5, "Scarlett"),
)
WINDOWS = (
    device(0, "Microphone (Realtek(R) Audio)", "MME", is_default=True),
    device(1, "CABLE Output (VB-Audio Virtual ", "MME"),
    device(5, "CABLE Output (VB-Audio Virtual Cable)", "Windows DirectSound"),
    device(9, "CABLE Output (VB-Audio Virtual Cable)", "Windows WASAPI"),
    device(14, "CABLE Output (VB-Audio Point)", "Windows WDM-KS"),
    device(15, "Line In", "Windows WDM-KS"),
)


def test_a_device_is_found_by_index_full_name_or_part_of_it_or_as_the_default() -> None:
    assert find_device(MAC, "3").name == "Scarlett 18i20 USB"
    assert find_device(MAC, "blackhole").index == 2
    assert find_device(MAC, None).index == 0
    assert find_device(MAC, "scarlett").index == 5


def test_a_card_in_another_socket_is_found_by_the_name_that_windows_gave_it_first() -> None:
    """Windows numbers it there, inside the brackets of a sound device's name."""
    sockets = (
        device(4, "Line (2- USB Audio CODEC)", "Windows WASAPI"),
        device(5, "Line (Scarlett)", "Windows WASAPI"),
    )
    assert find_device(sockets, "Line (USB Audio CODEC)").index == 4
    assert (
        find_device((device(4, "Line (USB Audio CODEC)"),), "Line (3- USB Audio CODEC)").index == 4
    )
    with pytest.raises(AudioError, match="no audio input '2- Mikrofon'"):
        find_device(sockets, "2- Mikrofon")


def test_a_missing_or_ambiguous_device_lists_those_there_are() -> None:
    with pytest.raises(
        AudioError, match=r"matches any of 3 'Scarlett 18i20 USB', 4 'Scarlett 2i2 USB'"
    ):
        find_device(MAC, "usb")
    for query in ("99", "Behringer"):
        with pytest.raises(
            AudioError, match=r"no audio input '\w+'; available: 0 'MacBook Pro Microphone', 2"
        ):
            find_device(MAC, query)
    with pytest.raises(AudioError, match="no audio output device found"):
        find_device((), None, "output")


def test_the_best_windows_interface_and_all_channels_of_a_card_are_chosen() -> None:
    assert find_device(WINDOWS, "cable output").index == 9
    assert find_device(WINDOWS, "1").index == 1
    for query in ("Line In", "15"):
        with pytest.raises(AudioError):
            find_device(WINDOWS, query)
    assert device(0, "Dante", inputs=128).channels == 64
    assert device(0, "UMC1820: USB Audio (hw:2,0)", "ALSA", inputs=32).channels == 32
    assert device(0, "pulse", "ALSA", inputs=32).channels == 2


def test_loopback_devices_are_known_by_name_and_advice_names_one() -> None:
    mixes = (
        "Stereo Mix",
        "Stereomix",
        "Mixage stéréo",
        "Mezcla estéreo",
        "Mixagem estéreo",
        "Missaggio stereo",
    )
    mixes += ("Miks stereo", "Стерео микшер", "立体声混音", "ステレオ ミキサー", "스테레오 믹스")
    windows = tuple(f"{name} (Realtek(R) Audio)" for name in mixes)
    for name in ("BlackHole 2ch", "Monitor of Built-in Audio Analog Stereo", *windows):
        assert is_loopback_name(name), name
    for name in ("MacBook Pro Microphone", "CABLE Input", "Line In", "USB Audio Device"):
        assert not is_loopback_name(name)
    assert "device:BlackHole 16ch" in loopback_advice(MAC)
    assert "blackhole-2ch" in loopback_advice((), "darwin")
    assert "VB-Cable" in loopback_advice((), "win32")
    assert "PULSE_SOURCE=@DEFAULT_MONITOR@" in loopback_advice((), "linux")


@pytest.fixture
def run_devices():
    app = typer.Typer()
    app.command()(devices)
    return lambda *options: CliRunner().invoke(app, list(options))


def test_the_devices_command_lists_all_but_the_networks_pictures_unasked(
    run_devices, require
) -> None:
    require(has_portaudio(), "PortAudio")
    plain = run_devices()
    assert plain.exit_code == 0
    assert "Audio inputs" in plain.output
    assert "Audio outputs" in plain.output
    assert "Cameras" in plain.output
    assert "the computer's own sound" in plain.output
    found = json.loads(run_devices("--json").output)
    pictures = {"cameras", "textures", "shared", "ndi"}
    assert set(found) == {
        "audio_inputs",
        "audio_outputs",
        *pictures,
        "gpus",
        "loopback_advice",
        "problems",
    }
    assert found["ndi"] is None
    if sys.platform == "linux":  # elsewhere the system chooses the GPU
        first = found["gpus"][0]
        assert (first["index"], first["error"]) == (
            0,
            "",
        ) and f"  0  {first['name']}" in plain.output


CHOICE = """
{prelude}
from engine.audio.open import open_audio
from engine.system.clock import SystemClock
from engine.errors import AudioError
try:
    audio = open_audio({spec!r}, offline=False, clock=SystemClock(), report=print)
    print(audio.choice)
    audio.close()
except AudioError as error:
    print("AudioError:", error)
"""
NO_PORTAUDIO = "import ctypes.util; ctypes.util.find_library = lambda name: None"


def open_in_a_machine(spec: str | None, prelude: str = "", **environment: str) -> str:
    code = CHOICE.format(spec=spec, prelude=prelude)
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=120,
    ).stdout.strip()


@pytest.mark.only_on("linux", reason="wheels for macOS and Windows contain PortAudio")
def test_without_portaudio_the_demo_plays_with_a_note_of_what_to_install() -> None:
    assert open_in_a_machine(None, NO_PORTAUDIO) == (
        "demo loop (no PortAudio on this machine (install it with: apt install libportaudio2))"
    )
    assert open_in_a_machine("device:0", NO_PORTAUDIO).startswith("AudioError: no PortAudio")


def test_by_default_the_default_input_plays_or_else_the_demo_with_the_reason(require) -> None:
    require(has_portaudio(), "PortAudio")
    try:
        default = find_device(list_devices(), None)
    except AudioError as error:
        expected = f"demo loop ({error})"
    else:
        expected = f"device {default.name!r}"
    assert open_in_a_machine(None, **os.environ).startswith(expected)
    assert open_in_a_machine("device:?", **os.environ).startswith("AudioError: no audio input")
