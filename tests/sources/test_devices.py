"""Listing and finding cameras on each system."""

import contextlib
from pathlib import PureWindowsPath

import av
import pytest

from engine.errors import SourceError
from engine.sources import devices, opening
from engine.sources.devices import (
    CameraDevice,
    attempts,
    find_camera,
    list_through_ffmpeg,
    list_video4linux,
)
from engine.sources.opening import is_offered, open_source
from engine.system.clock import SteppedClock

HD = CameraDevice(index=0, name="FaceTime HD Camera", id="0")
PHONE = CameraDevice(index=1, name="Anna's Phone Camera", id="1")


@pytest.fixture
def sysfs(tmp_path):
    for number, name, index in ((0, "HD Webcam", 0), (1, "HD Webcam", 1), (10, "Capture Card", 0)):
        node = tmp_path / f"video{number}"
        node.mkdir()
        (node / "name").write_text(f"{name}\n")
        (node / "index").write_text(f"{index}\n")
    (tmp_path / "v4l-subdev0").mkdir()
    (tmp_path / "video7").mkdir()  # a node being removed
    return tmp_path


def test_linux_cameras_are_listed_without_their_metadata_nodes(sysfs):
    assert list_video4linux(sysfs) == (
        CameraDevice(index=0, name="HD Webcam", id="/dev/video0"),
        CameraDevice(index=10, name="Capture Card", id="/dev/video10"),
    )


def test_cameras_are_listed_by_another_process_with_a_timeout(monkeypatch):
    monkeypatch.setattr(av, "enumerate_input_devices", None)  # it would hold this process's GIL
    with contextlib.suppress(SourceError):  # if this FFmpeg lacks the format
        assert isinstance(list_through_ffmpeg("v4l2"), tuple)
    with pytest.raises(
        SourceError,
        match=r"^cameras cannot be listed \(nothing: no such input format: 'nothing'\)$",
    ):
        list_through_ffmpeg("nothing")
    monkeypatch.setattr(devices, "LIST_TIMEOUT_S", 0.001)
    with pytest.raises(SourceError, match=r"no answer within 0\.001 s"):
        list_through_ffmpeg("v4l2")


def test_a_camera_is_found_by_index_by_name_and_by_part_of_its_name():
    assert find_camera(1, (HD, PHONE)) is PHONE
    assert find_camera("facetime hd camera", (HD, PHONE)) is HD
    assert find_camera("phone", (HD, PHONE)) is PHONE
    with pytest.raises(
        SourceError, match=r"several match; give an index or the full name \(0 FaceTime"
    ):
        find_camera("camera", (HD, PHONE))
    with pytest.raises(
        SourceError, match=r"camera 7: not found \(available: 0 FaceTime HD Camera\)"
    ):
        find_camera(7, (HD,))


def test_each_system_tries_its_best_pictures_first_and_anything_last():
    on_mac = attempts(HD, "darwin")
    tried = [(a.options["framerate"], a.options["pixel_format"]) for a in on_mac]
    assert tried[:4] == [("30", "uyvy422"), ("30", "nv12"), ("15", "uyvy422"), ("15", "nv12")]
    assert {a.format for a in on_mac} == {"avfoundation"}
    assert "input_format" not in {key for a in on_mac for key in a.options}
    assert "video_size" not in on_mac[-1].options
    moniker = "@device_pnp_\\\\?\\usb#vid_1"
    on_windows = attempts(CameraDevice(index=0, name="Webcam", id=moniker), "win32")
    assert {a.file for a in on_windows} == {f"video={moniker}"}
    assert all(int(a.options["rtbufsize"]) > 4 * 1280 * 720 * 3 for a in on_windows), (
        "a buffer that holds pictures"
    )
    assert set(on_windows[-1].options) == {"rtbufsize"}
    on_linux = attempts(CameraDevice(index=2, name="x", id="/dev/video2"), "linux")
    assert on_linux[0].options["input_format"] == "mjpeg", "compressed"
    assert on_linux[-1].options == {} and {a.file for a in on_linux} == {"/dev/video2"}


def test_none_means_no_source_and_a_path_is_never_a_camera(reports, tmp_path):
    def open_it(spec):
        return open_source(spec, offline=False, clock=SteppedClock(), report=reports)

    assert open_it("none") is None
    with pytest.raises(SourceError, match="camera 'no such camera': not found"):
        open_it("no such camera")
    for spec in ("film.mp4", "films/film", str(tmp_path / "x")):
        with pytest.raises(SourceError, match="no such file"):
            open_it(spec)


def test_no_network_path_is_checked_to_distinguish_it_from_a_camera_name(monkeypatch):
    checked: list[str] = []
    monkeypatch.setattr(opening, "Path", PureWindowsPath)
    monkeypatch.setattr("os.path.exists", lambda path: checked.append(str(path)))
    for path in (
        "\\\\10.0.0.9\\share",
        "\\\\10.0.0.9\\share\\clip",
        "//10.0.0.9/share",
        "C:",
        "C:clip",
        "\\clip",
    ):
        assert not is_offered(path)
    assert checked == []
    assert is_offered("FaceTime HD Camera") and checked == ["FaceTime HD Camera"]
