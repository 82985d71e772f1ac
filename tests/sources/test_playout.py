"""Playback by the clock, with pictures from the test."""

import threading

import numpy as np
import pytest

from engine.errors import SourceError
from engine.sources.playout import AHEAD, LATE_S, PlayedSource, Shot


def picture(number):
    return np.full((2, 2, 3), number, np.uint8)


class Numbers(PlayedSource):
    def __init__(self, open_shots, clock, reports):
        super().__init__("numbers", offline=False, clock=clock, report=reports)
        self._shots = open_shots

    _shots = None


@pytest.fixture
def play(clock, reports):
    playing = []

    def start(open_shots):
        playout = Numbers(open_shots, clock, reports)
        playing.append(playout)
        playout.start()
        return playout

    yield start
    for playout in playing:
        playout.close()


def test_with_jittering_frames_every_picture_is_shown_once(play, clock, wait_for):
    def shots():
        for number in range(255):
            yield Shot(start_s=number / 30, read_pixels=lambda number=number: picture(number))

    playout = play(shots)
    late_s = np.random.default_rng(1).uniform(0.0, 0.008, 60)
    late_s[0] = 0.003
    indices = []
    for index in range(60):
        wait_for(lambda: len(playout._ahead) == AHEAD, "pictures to be ready")
        clock.sleep_until(1.0 + index / 30 + late_s[index])
        indices.append(playout.latest_frame().index)
    assert indices == list(range(60))


def test_slow_decoding_plays_every_picture_slower_with_a_report(play, clock, wait_for, reports):
    gate = threading.Semaphore(1)

    def shots():
        for number in range(100):
            gate.acquire()
            yield Shot(start_s=number / 10, read_pixels=lambda number=number: picture(number))

    playout = play(shots)
    wait_for(playout.latest_frame, "the first picture")
    for number in range(1, 4):
        clock.advance(LATE_S + 0.2)
        assert playout.latest_frame().pixels[0, 0, 0] == number - 1
        gate.release()
        frame = wait_for(
            lambda number=number: (f := playout.latest_frame()).index == number and f, "the next"
        )
        assert frame.pixels[0, 0, 0] == number
    assert "source slow" in reports.keys
    gate.release(100)


def test_each_failure_is_reported_once_and_playing_resumes(play, clock, wait_for, reports):
    tries = []

    def shots():
        tries.append(len(tries))
        if len(tries) == 2:
            raise SourceError("the disk is gone")
        yield Shot(start_s=0.0, read_pixels=lambda: picture(len(tries)))
        if len(tries) == 1:
            raise ValueError("a decoder's surprise")

    playout = play(shots)
    wait_for(lambda: len(tries) == 3, "the third try")
    frame = wait_for(
        lambda: (f := playout.latest_frame()) and f.index == 1 and f, "the picture after it"
    )
    assert frame.pixels[0, 0, 0] == 3
    assert playout._status("", 2, 2, 30.0).state == "playing"
    assert [line for _, line in reports.lines] == [
        "numbers: ValueError: a decoder's surprise",
        "the disk is gone",
    ]
