"""The camera loop with real containers that end, stall and resume: Motion JPEG through a socket."""

import threading

import av
import pytest

from engine.errors import SourceError
from engine.sources.camera import SILENT_S, CameraSource
from engine.sources.source import HOLD_S


@pytest.fixture
def camera(device, clock, reports):
    camera = CameraSource("piped", device.open, clock=clock, report=reports)
    camera.start()
    yield camera
    device.close()
    camera.close()


def level_of(frame):
    return None if frame is None else int(frame.pixels.mean() + 0.5)


def test_the_newest_picture_is_shown_and_a_damaged_one_skipped(camera, device, wait_for):
    wait_for(camera.latest_frame, "the first picture")
    for level in range(10, 200, 10):
        device.send(level)
    device.send(200)
    device.send(200)  # the parser emits a picture when the next one starts
    wait_for(lambda: level_of(camera.latest_frame()) == 200, "the newest picture")
    status = camera.status()
    assert (status.state, status.width, status.height) == ("playing", 48, 32)
    device.send_noise()
    for _ in range(3):
        device.send(120)
    wait_for(lambda: level_of(camera.latest_frame()) == 120, "the pictures after the damage")
    assert camera.status().state == "playing"


def test_an_unplugged_camera_holds_its_picture_for_two_seconds_and_reconnects(
    camera, device, clock, wait_for, reports
):
    wait_for(camera.latest_frame, "the first picture")
    device.unplug()
    wait_for(lambda: camera.status().state == "lost", "the loss")
    assert camera.latest_frame() is not None
    clock.advance(HOLD_S)
    assert camera.latest_frame() is None
    wait_for(lambda: "not found" in camera.status().description, "a try while it is away")
    device.is_plugged = True
    wait_for(lambda: camera.latest_frame() is not None, "the return")
    assert camera.status().state == "playing"
    assert camera.status().lost >= 2
    lines = [line for _, line in reports.lines]
    assert len(lines) == len(set(lines)) == 2 and all("retrying" in line for line in lines), (
        "each reason once"
    )


def test_a_silent_camera_shows_nothing_and_reports_it(camera, clock, wait_for):
    wait_for(camera.latest_frame, "the first picture")
    clock.advance(HOLD_S)
    assert camera.latest_frame() is None
    assert camera.status().state == "lost"
    assert "no picture for 2 s" in camera.status().description


class Stuttering:
    """A container that answers "try again" while it has no picture, as AVFoundation does."""

    def __init__(self, container, pictures):
        self.streams = container.streams
        self.ready = threading.Semaphore(pictures)
        self.requests = 0
        self._container = container
        self._packets = None

    def demux(self, stream):
        self._packets = self._packets or self._container.demux(stream)
        while True:
            if not self.ready.acquire(blocking=False):
                self.requests += 1
                raise av.BlockingIOError(11, "Resource temporarily unavailable")
            yield next(self._packets)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._packets = None
        self._container.close()


def test_a_device_that_answers_try_again_is_retried_for_five_seconds(
    clock, reports, wait_for, write_video
):
    opened = []

    def open_container():
        if opened:
            raise SourceError("camera stuttering: not found")
        opened.append(Stuttering(av.open(str(write_video(10, codec="mpeg4"))), pictures=2))
        return opened[0]

    camera = CameraSource("stuttering", open_container, clock=clock, report=reports)
    camera.start()
    try:
        container = wait_for(lambda: opened and opened[0], "the device")
        wait_for(lambda: container.requests > 3, "the device to be asked again")
        container.ready.release()
        wait_for(lambda: camera.status().frames == 3, "the next picture")
        assert not reports.lines
        clock.advance(SILENT_S + 0.1)
        wait_for(lambda: reports.lines, "the report")
        assert "no picture for 5 s" in reports.lines[0][1]
    finally:
        camera.close()
