"""Cameras and the microphone on a Mac: its screens, and a microphone that is silent until it is allowed."""

import sys
from pathlib import Path

import pytest

from engine.cli import camera_formats
from engine.errors import SourceError
from engine.sources import list_cameras
from engine.sources.devices import find_camera
from engine.sources.opening import camera_of
from engine.sources.senders import of_camera

# In place of PyAV: what it reads in FFmpeg's log of AVFoundation (`avf_read_header`, libavdevice/avfoundation.m).
PYAV = """
class FFmpegError(Exception):
    pass

class Device:
    def __init__(self, name, description, kind):
        self.name, self.description, self.media_types = name, description, [kind]

def enumerate_input_devices(form):
    assert form == "avfoundation"
    video = {video!r}
    return [*(Device(str(n), name, "video") for n, name in enumerate(video)), Device("0", "MacBook Mikrofon", "audio")]
"""


@pytest.fixture
def mac_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """`mac_with("FaceTime HD Camera", ...)`: a Mac with these video devices; they are asked for in a child process."""

    def make(*video: str) -> None:
        (tmp_path / "av.py").write_text(PYAV.format(video=video), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(sys, "platform", "darwin")

    return make


def test_on_a_mac_without_a_camera_number_0_is_not_its_screen(mac_with) -> None:
    mac_with("Capture screen 0", "Capture screen 1")
    with pytest.raises(SourceError) as refused:
        find_camera(0, list_cameras())
    assert str(refused.value) == (
        "camera 0: not found (cameras here: none; screens, by name: Capture screen 0; Capture screen 1)"
    )
    assert camera_formats.list_camera_formats() == [], "and no screen is recorded for a report"


def test_a_screen_is_chosen_by_its_name_and_never_before_a_camera(mac_with) -> None:
    mac_with("FaceTime HDカメラ", "Screen Link Capture", "Capture screen 0")
    cameras = list_cameras()
    assert [camera.word for camera in cameras] == ["0", "1", "Capture screen 0"]
    assert find_camera("Capture screen 0", cameras).id == "2"
    assert find_camera("screen", cameras).name == "Screen Link Capture"
    assert find_camera("SCREEN 0", cameras).id == "2"
    chosen = camera_of(of_camera(cameras[2]).word)
    assert find_camera(chosen, cameras) is cameras[2], "from a menu"
