"""The loop of the camera on the beat: pictures that say their own time, at known beats."""

from typing import Any

import numpy as np
import pytest

from engine.sources import beat_loop
from engine.sources.beat_loop import BeatLoop
from engine.values import VideoFrame

PER_BEAT = 8


class Looper:
    def __init__(self, reports: Any, rows: int = 2) -> None:
        self.loop, self.frame, self._rows = BeatLoop(reports), 0, rows

    def play(
        self, beats: float, length: int, *, at: float | None = None, is_lost: bool = False
    ) -> list[int]:
        """Numbers of the pictures on screen while `beats` pass, eight a beat from beat 0 on; -1 for
        none."""
        pictures = []
        for step in range(round(beats * PER_BEAT)):
            beat = self.frame / PER_BEAT if at is None else at + step / PER_BEAT
            pixels = np.zeros((self._rows, 8, 3), np.uint8)
            live = VideoFrame(pixels=pixels, index=self.frame, time_s=0.0, source="camera")
            frame = self.loop.step(None if is_lost else live, length, beat)
            pictures.append(-1 if frame is None else frame.index)
            self.newest = frame
            self.frame += 1
        return pictures


@pytest.fixture
def looper(reports: Any) -> Looper:
    return Looper(reports)


def test_a_camera_of_one_pixel_of_width_loops_like_any_other(reports: Any) -> None:
    loop = BeatLoop(reports)
    for index in range(2 * PER_BEAT):
        pixels = np.zeros((4 * beat_loop.MAX_ROWS, 1, 3), np.uint8)
        frame = loop.step(
            VideoFrame(pixels=pixels, index=index, time_s=0.0, source="thin"), 1, index / PER_BEAT
        )
    assert frame is not None and frame.pixels.shape == (beat_loop.MAX_ROWS, 1, 3)
    assert reports.lines == []


def test_the_last_beats_repeat_from_the_next_beat_on_in_phase(looper: Looper) -> None:
    assert looper.play(9.5, 0) == list(range(76))
    assert looper.play(0.5, 4) == [76, 77, 78, 79], "live until the beat"
    bar = list(range(48, 80))  # beats 6 to 10
    assert looper.play(8, 4) == bar + bar
    assert looper.play(2, 2) == bar[16:], "a shorter loop is its end"
    assert looper.play(1, 0) == list(range(160, 168)), "live again"


def test_a_loop_stays_on_the_beat_at_another_tempo_and_when_beats_are_counted_anew(
    looper: Looper,
) -> None:
    looper.play(8, 0)
    looper.play(1, 4)
    assert looper.play(4, 4, at=16.0) == list(range(32, 64))
    assert [looper.loop.step(None, 4, 20.0 + beat).index for beat in (0.0, 0.5, 1.0, 3.5)] == [
        32,
        36,
        40,
        60,
    ]
    assert looper.play(1, 4, at=1.0) == list(range(40, 48))


def test_a_lost_camera_does_not_end_the_loop_and_is_said_once(looper: Looper, reports: Any) -> None:
    looper.play(4, 0)
    assert looper.play(6, 2, is_lost=True) == 3 * list(range(16, 32))
    assert [line for _, line in reports.lines] == [
        "the camera has no picture; its loop goes on (/camera/loop 0 ends it)"
    ]
    assert looper.play(1, 0, is_lost=True) == [-1] * 8


def test_of_too_few_stored_beats_half_as_many_loop(looper: Looper, reports: Any) -> None:
    assert looper.play(2, 4, is_lost=True) == [-1] * 16
    looper.play(3, 0)
    assert looper.play(2, 4) == list(range(24, 40))
    looper.play(1, 0)
    assert looper.play(2, 4, at=0.0, is_lost=True) == [-1] * 16
    lines = [f"fewer beats are stored; {what}" for what in ("loops 2", "stays live")]
    lines = ["no picture of a camera is stored; stays live", *lines]
    assert reports.lines == [("camera.loop", f"/camera/loop 4: {line}") for line in lines]
    looper.play(4, 0)
    assert looper.play(1, 4) == list(range(80, 88)), "it can be tried again"


def test_memory_is_bounded_and_large_pictures_are_stored_smaller(
    reports: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat_loop, "MAX_BYTES", 20 * 540 * 4 * 3)
    looper = Looper(reports, rows=1080)
    looper.play(6, 0)
    assert looper.play(3, 4) == list(range(32, 48)) + list(range(32, 40)), (
        "20 pictures hold two of four beats"
    )
    assert looper.newest.pixels.shape == (540, 4, 3)
