# ruff: noqa: E402
"""Cameras and the microphone on a Mac: its screens, and a microphone that is silent until it is
allowed."""

import sys
from pathlib import Path

import pytest

from tests.support.needed import has_portaudio, require

require(has_portaudio(), "PortAudio")  # sounddevice loads it when it is imported

from engine.audio.device import DeviceCapture
from engine.cli.device_list import ask_camera_formats
from engine.errors import SourceError
from engine.sources.devices import find_camera, list_cameras
from engine.sources.opening import camera_of
from engine.sources.senders import of_camera
from engine.system.clock import SteppedClock
from tests.support import fake_portaudio
from tests.support.fake_portaudio import Device, FakePortAudio, HostApi

# Replaces PyAV: what it reads from FFmpeg's log of AVFoundation (`avf_read_header`,
# libavdevice/avfoundation.m).
PYAV = """
import sys
from types import SimpleNamespace

error = sys.modules["av.error"] = SimpleNamespace(FFmpegError=OSError)

class Device:
    def __init__(self, name, description, kind):
        self.name, self.description, self.media_types = name, description, [kind]

def enumerate_input_devices(form):
    assert form == "avfoundation"
    video = {video!r}
    cameras = [Device(str(n), name, "video") for n, name in enumerate(video)]
    return [*cameras, Device("0", "MacBook Mikrofon", "audio")]
"""


@pytest.fixture
def mac_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """`mac_with("FaceTime HD Camera", ...)`: a Mac with these video devices, which a child process
    lists."""

    def make(*video: str) -> None:
        (tmp_path / "av.py").write_text(PYAV.format(video=video), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(sys, "platform", "darwin")

    return make


@pytest.mark.only_on("linux", "darwin", reason="ends a group of processes")
def test_on_a_mac_without_a_camera_index_0_is_not_its_screen(mac_with) -> None:
    mac_with("Capture screen 0", "Capture screen 1")
    with pytest.raises(SourceError) as refused:
        find_camera(0, list_cameras())
    assert str(refused.value) == (
        "camera 0: not found (available: none; screens, by name: Capture screen 0; Capture screen "
        "1); "
        "a film works, too: give its file"
    )
    assert ask_camera_formats() == {"cameras": []}, "no screen is captured for a report"


@pytest.mark.only_on("linux", "darwin", reason="ends a group of processes")
def test_a_screen_is_chosen_by_its_name_and_never_before_a_camera(mac_with) -> None:
    mac_with("FaceTime HDカメラ", "Screen Link Capture", "Capture screen 0")
    cameras = list_cameras()
    assert [camera.argument for camera in cameras] == ["0", "1", "Capture screen 0"]
    assert find_camera("Capture screen 0", cameras).id == "2"
    assert find_camera("screen", cameras).name == "Screen Link Capture"
    assert find_camera("SCREEN 0", cameras).id == "2"
    assert find_camera(camera_of(of_camera(cameras[2]).word), cameras) is cameras[2], "from a menu"


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch, reports, clock: SteppedClock):
    """A Mac's microphone that is silent until its stream is opened after `allowed` was set, and its
    capture."""
    mac = HostApi(
        kind=fake_portaudio.CORE_AUDIO,
        name="Core Audio",
        devices=(Device(name="MacBook Pro Microphone", inputs=1, rate_hz=48_000, is_default=True),),
    )
    portaudio = FakePortAudio.installed(monkeypatch, (mac,))
    monkeypatch.setattr(sys, "platform", "darwin")
    portaudio.samples = lambda: 0.0
    capture = DeviceCapture(None, clock, reports)
    capture.start()
    yield portaudio, capture, clock
    capture.close()


def test_a_microphone_is_reopened_until_allowed_and_reported_once(
    microphone, wait_for, reports
) -> None:
    portaudio, capture, clock = microphone

    def rounds(passed_s: float) -> None:
        clock.advance(passed_s)
        reads = portaudio.reads
        wait_for(lambda: portaudio.reads > reads + 1, "the stream's next rounds")

    wait_for(lambda: capture.state == "permission?", "2 s of zeros")
    wait_for(lambda: reports.lines, "the line about it")
    for opened, delay_s in enumerate((5, 10, 20, 40, 60, 60), start=1):  # permission is not granted
        rounds(delay_s - 0.5)
        assert len(portaudio.opened) == opened
        clock.advance(0.5)
        wait_for(lambda opened=opened: len(portaudio.opened) > opened, "it to be reopened")
    portaudio.samples = lambda: 0.25  # allowed: streams opened from now on have sound
    clock.advance(60.0)
    wait_for(lambda: capture.state == "playing", "sound")
    opened = len(portaudio.opened)
    rounds(600.0)
    assert len(portaudio.opened) == opened, "never reopened while there is sound"
    portaudio.opened[-1].samples = lambda: 0.0
    wait_for(
        lambda: capture.state == "silence", "a pause: it has delivered sound, so it has permission"
    )
    rounds(600.0)
    rounds(0.0)
    assert [stream.is_closed for stream in portaudio.opened] == [True] * (opened - 1) + [False]
    assert reports.keys == ["audio.permission"]
    assert (
        "'MacBook Pro Microphone'" in reports.lines[0][1]
        and "Privacy & Security" in reports.lines[0][1]
    )
