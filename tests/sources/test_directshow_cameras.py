"""Cameras on Windows, as in FFmpeg's log of DirectShow devices (`dshow_cycle_devices`,
libavdevice/dshow.c)."""

import errno
import sys
from typing import Any

import av
import av.logging
import pytest

from engine.errors import SourceError
from engine.sources import camera
from engine.sources.camera import open_device
from engine.sources.devices import CameraDevice, attempts, find_camera, found_cameras

TWINS = (
    r"@device_pnp_\\?\usb#vid_046d&pid_0825&mi_00#6&1f2a&0&0000#{65e8773d-8f56-11d0-a3b9-00a0c9223196}\global",
    r"@device_pnp_\\?\usb#vid_046d&pid_0825&mi_00#7&2b3c&0&0000#{65e8773d-8f56-11d0-a3b9-00a0c9223196}\global",
)
VIRTUAL = (
    r"@device_sw_{860BB310-5D01-11D0-BD3B-00A0C911CE86}\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
)
CAPTURE = r"@device_pnp_\\?\usb#vid_0fd9&pid_0066&mi_00#8&77&0&0000#{65e8773d-8f56-11d0-a3b9-00a0c9223196}\global"
LOG = [
    ('"Web カメラ"', " (video", ")", "\n", f'  Alternative name "{TWINS[0]}"\n'),
    ('"Web カメラ"', " (video", ")", "\n", f'  Alternative name "{TWINS[1]}"\n'),
    ('"OBS "Virtual" Camera: 1 (stage)"', " (none)", "\n", f'  Alternative name "{VIRTUAL}"\n'),
    (
        '"Game Capture: HD60 (left)"',
        " (audio",
        ", video",
        ")",
        "\n",
        f'  Alternative name "{CAPTURE}"\n',
    ),
    ("Could not enumerate audio only devices (or none found).\n",),
]
FOUND = [[TWINS[0], "Web カメラ"], [TWINS[1], "Web カメラ"], [CAPTURE, "Game Capture: HD60 (left)"]]


@pytest.fixture
def without_a_microphone(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """FFmpeg on a machine with cameras and no sound input: its list fails with EIO, but its log
    lists them."""
    lines = list(LOG)

    def no_list(form: str) -> None:
        raise av.error.OSError(errno.EIO, "I/O error")

    def write_log(file: str, format: str, options: dict[str, str]) -> None:
        assert (format, options) == ("dshow", {"list_devices": "true"})
        for line in lines:
            for part in line:
                av.logging.log(av.logging.INFO, "dshow", part)
        raise av.error.ExitError(-1, "Immediate exit requested")

    monkeypatch.setattr(av, "enumerate_input_devices", no_list)
    monkeypatch.setattr(av, "open", write_log)
    return lines


def test_cameras_are_listed_on_a_machine_without_a_microphone(without_a_microphone) -> None:
    assert found_cameras("dshow") == FOUND


def test_no_camera_is_an_empty_list_and_no_error(without_a_microphone) -> None:
    without_a_microphone[:] = [("Could not enumerate video devices (or none found).\n",), *LOG[4:]]
    assert found_cameras("dshow") == []
    without_a_microphone[:] = [("Could not enumerate system devices.\n",)]
    assert "I/O error" in found_cameras("dshow"), "DirectShow itself is missing"


def test_two_cameras_with_the_same_name_are_chosen_by_index() -> None:
    twins = tuple(
        CameraDevice(index=index, name="Web カメラ", id=moniker)
        for index, moniker in enumerate(TWINS)
    )
    assert find_camera(1, twins).id == TWINS[1]
    assert attempts(find_camera(1, twins), "win32")[0].file == f"video={TWINS[1]}"
    assert ":" not in TWINS[1], "dshow's parse_device_name would end there"
    with pytest.raises(SourceError, match="several match; give an index"):
        find_camera("カメラ", twins)


def test_a_camera_blocked_for_desktop_apps_is_reported_with_where_to_allow_it(monkeypatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise av.error.OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(av, "open", refuse)
    monkeypatch.setattr(
        camera, "list_cameras", lambda: (CameraDevice(index=0, name="Web カメラ", id=TWINS[0]),)
    )
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SourceError) as refused:
        open_device(0)
    assert str(refused.value) == (
        "camera 0 Web カメラ: cannot be opened (Input/output error); is it in use, or blocked for "
        "desktop apps"
        " (Settings, Privacy & security, Camera)?"
    )
