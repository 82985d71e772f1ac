"""Taps and tempos set by hand while the beat of the sound is followed."""

import pytest

from engine.params import ParamStore, Tempo
from engine.system.clock import SteppedClock

FRAME_S = 1 / 30


class Stage:
    """A tempo that follows a tracker at `bpm`, frame by frame."""

    def __init__(self, bpm: float) -> None:
        self.store, self.clock, self.bpm = ParamStore(), SteppedClock(), bpm
        self.tempo = Tempo(self.store, self.clock)
        self.tracked = 0.0
        self.play(2.0)

    def play(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_S)):
            self.clock.advance(FRAME_S)
            self.tracked += self.bpm / 60 * FRAME_S
            now_s = self.clock.now_s()
            self.tempo.step(now_s)
            self.tempo.follow("beat", beat=self.tracked, bpm=self.bpm, at_s=now_s)

    def tap(self, bpm: float, *, count: int = 5) -> None:
        for _ in range(count):
            self.play(60 / bpm)
            self.store.set("/tempo/tap", 1)
        self.play(1.0)

    @property
    def phase(self) -> float:
        """Distance of the tracked beat to the nearest beat, -1/2..1/2."""
        beat = self.tempo.beat_at(self.clock.now_s()) - self.tracked
        return (beat + 0.5) % 1.0 - 0.5


def test_a_tracked_tempo_that_wavers_is_told_once() -> None:
    stage = Stage(127.8)
    told = stage.store.version
    for number in range(20):
        stage.bpm = 127.8 + (0.2 if number % 2 else -0.1)
        stage.play(0.5)
    assert stage.store.version == told and stage.store.get("/tempo/bpm") == pytest.approx(127.8, abs=0.4)


def test_taps_choose_half_or_double_and_the_choice_stays_as_the_song_drifts() -> None:
    for ratio in [0.5, 2.0]:
        stage = Stage(120.0)
        assert stage.tempo.bpm == pytest.approx(120.0), ratio
        stage.tap(120.0 * ratio * 1.01)
        assert stage.tempo.bpm == pytest.approx(120.0 * ratio), "the tracker measures, the hand chooses"
        for bpm in range(120, 135):
            stage.bpm = float(bpm)
            stage.play(0.5)
        assert stage.tempo.bpm == pytest.approx(134.0 * ratio), ratio
        stage.bpm = 67.0  # the tracker changes its own octave
        stage.play(0.5)
        assert stage.tempo.bpm == pytest.approx(134.0 * ratio), ratio


def test_taps_on_the_off_beat_move_the_beat_there_and_near_it_leave_it_to_the_tracker() -> None:
    stage = Stage(120.0)
    assert stage.phase == pytest.approx(0.0, abs=1e-6)
    stage.play(0.27)  # half a beat, and 20 ms of a human hand
    stage.tap(120.0)
    stage.play(2.0)
    assert abs(stage.phase) == pytest.approx(0.5, abs=1e-6)
    stage = Stage(120.0)
    stage.play(0.04)
    stage.tap(120.0)
    stage.play(1.0)
    assert stage.phase == pytest.approx(0.0, abs=1e-6)


def test_a_tapped_tempo_that_contradicts_the_tracker_holds_for_six_seconds() -> None:
    stage = Stage(120.0)
    stage.tap(100.0)
    assert stage.tempo.bpm == pytest.approx(100.0, rel=0.02)
    stage.play(3.0)
    assert stage.tempo.bpm == pytest.approx(100.0, rel=0.02)
    stage.play(4.0)
    assert stage.tempo.bpm == pytest.approx(120.0)


def test_reset_makes_this_beat_the_first_of_a_bar_and_keeps_its_phase() -> None:
    stage = Stage(120.0)
    stage.play(1.1)
    stage.store.set("/tempo/reset", 1)
    assert abs(stage.tempo.beat_at(stage.clock.now_s())) <= 0.5
    stage.play(3.0)
    assert stage.tempo.beat_at(stage.clock.now_s()) == pytest.approx(6.0, abs=0.5)
    assert stage.phase == pytest.approx(0.0, abs=1e-6)
