"""The virtual camera, with a camera in its process that keeps to the library's recorded
interface."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.cli.doctor_machine import judge_sink, sink_problem
from engine.errors import SinkError, SinkUnavailableError
from engine.sinks.registry import make_sink
from engine.sinks.sink import SinkSpec
from engine.sinks.virtualcam import SETUP, VirtualcamSink, missing_driver


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Folder of the fake camera, whose process the sink starts."""
    monkeypatch.setenv("TEST_CAMERA", str(tmp_path))
    monkeypatch.setattr(VirtualcamSink, "program", "tests.support.fake_camera")
    monkeypatch.setattr("engine.sinks.registry.find_spec", lambda name: object())
    return tmp_path


@pytest.fixture
def opened(camera: Path, make_format) -> Iterator[Callable[..., VirtualcamSink]]:
    sinks: list[VirtualcamSink] = []

    def start(argument: str = "", **form: float) -> VirtualcamSink:
        sinks.append(VirtualcamSink(argument))
        sinks[-1].start(make_format(**form), may_wait=True)
        return sinks[-1]

    yield start
    for sink in sinks:
        sink.close()


def test_the_camera_shows_the_picture_upright_in_its_colours(
    opened, camera: Path, make_frame, f_card, wait_for
) -> None:
    sink = opened("/dev/video7", width=128, height=96, fps=29.97)
    assert json.loads((camera / "opened.json").read_text()) == [128, 96, 29.97, "/dev/video7"]
    assert (sink.status().name, sink.status().detail) == ("/dev/video7", "/dev/video7, 128x96")
    card = f_card(128, 96)
    sink.publish(make_frame(0, card))
    wait_for((camera / "sent.npy").exists, "the picture")
    assert np.array_equal(np.load(camera / "sent.npy"), card[..., :3])
    wait_for(sink.drain, "the end of its process")
    sink.close()
    sink.close()
    assert (camera / "closed").exists() and (sink.status().frames, sink.status().dropped) == (1, 0)


def test_the_camera_keeps_its_size_and_shows_another_picture_in_the_middle(
    opened, camera: Path, make_format, make_frame, wait_for
) -> None:
    sink = opened(width=65, height=49)
    assert json.loads((camera / "opened.json").read_text()) == [64, 48, 30.0, None], "even"
    sink.publish(make_frame(0, np.full((49, 65, 4), 255, np.uint8)))
    wait_for((camera / "sent.npy").exists, "the first picture")
    sink.set_format(make_format(width=64, height=24))
    sink.publish(make_frame(1, np.full((24, 64, 4), (255, 0, 0, 255), np.uint8)))

    def rows() -> list[tuple[int, ...]]:
        return [tuple(map(int, row[32])) for row in np.load(camera / "sent.npy")]

    wait_for(
        lambda: rows() == [(0, 0, 0)] * 12 + [(255, 0, 0)] * 24 + [(0, 0, 0)] * 12,
        "the second one between bars",
    )
    wait_for(
        lambda: sink.status().detail == "/dev/video7, 64x48, scaled from 64x24", "what it says"
    )


def test_without_a_package_a_driver_or_a_camera_one_line_says_what_to_do(
    make_format, make_frame, wait_for, camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "TEST_CAMERA_REFUSES", "'v4l2loopback' backend: No device found.\nDid you run 'modprobe'?"
    )
    problem = (
        "virtualcam: no virtual camera ('v4l2loopback' backend: No device found. Did you "
        "run 'modprobe'?); "
    )
    with pytest.raises(SinkError, match=f"^{re.escape(problem + SETUP[sys.platform])}$"):
        VirtualcamSink("").start(make_format(), may_wait=True)
    sink = VirtualcamSink("")
    sink.start(make_format())

    def is_reported() -> bool:
        try:
            sink.publish(make_frame())
        except SinkError:
            return True
        return False

    wait_for(is_reported, "the error, during a show")
    sink.close()
    monkeypatch.setattr("engine.sinks.registry.find_spec", lambda name: None)
    with pytest.raises(
        SinkUnavailableError, match=r"pyvirtualcam: .* -m pip install .*pyvirtualcam"
    ):
        make_sink(SinkSpec(kind="virtualcam"))
    monkeypatch.setattr("engine.sinks.virtualcam.sys.platform", "linux")
    monkeypatch.setattr("engine.sinks.virtualcam.LINUX_DEVICES", camera / "none")
    assert missing_driver().startswith("needs the driver v4l2loopback: sudo apt install")
    monkeypatch.setattr("engine.sinks.registry.find_spec", lambda name: object())
    assert (
        judge_sink("virtualcam", sink_problem("virtualcam"), "linux").detail
        == f"unavailable ({missing_driver()})"
    )
    monkeypatch.setattr("engine.sinks.virtualcam.LINUX_DEVICES", camera)
    assert missing_driver() == ""
