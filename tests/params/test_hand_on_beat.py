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

    def play(self, seconds: float, *, is_heard: bool = True) -> None:
        for _ in range(round(seconds / FRAME_S)):
            self.clock.advance(FRAME_S)
            self.tracked += self.bpm / 60 * FRAME_S
            now_s = self.clock.now_s()
            self.tempo.step(now_s)
            if is_heard:
                self.tempo.follow("beat", beat=self.tracked, bpm=self.bpm, at_s=now_s)

    def pause(self, seconds: float) -> None:
        self.play(seconds, is_heard=False)

    def tap(self, bpm: float, *, count: int = 5, is_heard: bool = True) -> None:
        for _ in range(count):
            self.play(60 / bpm, is_heard=is_heard)
            self.store.set("/tempo/tap", 1)
        self.play(1.0, is_heard=is_heard)

    @property
    def beat(self) -> float:
        return self.tempo.beat_at(self.clock.now_s())

    @property
    def phase(self) -> float:
        """Distance of the tracked beat to the nearest beat, -1/2..1/2."""
        beat = self.beat - self.tracked
        return (beat + 0.5) % 1.0 - 0.5


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
        stage.bpm = 134.0 * ratio  # the tracker changes its own octave
        stage.play(0.5)
        assert stage.tempo.bpm == pytest.approx(134.0 * ratio), ratio


@pytest.mark.parametrize("beats_a_bar", [4, 3])
def test_bars_begin_on_beats_on_which_bars_began_when_the_tracker_counts_half_or_double(beats_a_bar: int) -> None:
    """Whatever the beat of the bar in which it changes its mind, and back again."""
    for beats in range(2 * beats_a_bar):
        stage = Stage(120.0)
        stage.store.set("/tempo/beats_a_bar", beats_a_bar)
        stage.play(0.5 * (2 * beats_a_bar + beats) + 0.1)
        for ratio in (0.5, 2.0):
            bar_at = stage.tracked - stage.beat
            stage.bpm, stage.tracked = stage.bpm * ratio, stage.tracked * ratio
            before = stage.beat
            stage.play(4.0)
            begun = (stage.tracked - stage.beat) / ratio - bar_at  # tracked beats, from a bar before to one afterwards
            bars = begun / beats_a_bar * max(1.0, ratio)
            assert bars == pytest.approx(round(bars), abs=1e-6), (beats, ratio)
            assert abs(stage.beat - before - 4.0 * stage.bpm / 60) <= beats_a_bar / 2 + 0.1


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


@pytest.mark.parametrize("silence_s", [0.0, 4.0])
def test_taps_in_one_song_leave_the_next_one_as_it_is_heard(silence_s: float) -> None:
    for first, tapped, second in [(124.0, 124.0, 174.0), (120.0, 120.0, 180.0), (87.0, 174.0, 124.0)]:
        stage = Stage(first)
        stage.tap(tapped)
        stage.pause(silence_s)
        stage.bpm = second
        stage.play(8.0)
        assert stage.tempo.bpm == pytest.approx(second), (first, tapped)


def test_a_count_in_by_taps_chooses_the_octave_of_the_song_and_a_minute_later_nothing() -> None:
    for wait_s, bpm in [(1.0, 140.0), (70.0, 70.0)]:
        stage = Stage(100.0)
        stage.pause(10.0)
        stage.store.set("/tempo/forget", 1)
        stage.tap(140.0, is_heard=False)
        assert stage.tempo.bpm == pytest.approx(140.0, rel=0.06), "frames are 33 ms long"
        stage.pause(wait_s)
        stage.bpm = 70.0
        stage.play(8.0)
        assert stage.tempo.bpm == pytest.approx(bpm), wait_s


@pytest.mark.parametrize(("bpm", "beats_a_bar"), [(128.0, 4), (70.0, 4), (120.0, 3)])
def test_taps_a_bar_apart_mean_the_bar(bpm: float, beats_a_bar: int) -> None:
    stage = Stage(bpm)
    stage.store.set("/tempo/beats_a_bar", beats_a_bar)
    stage.play((2.0 - stage.tracked % 1.0) * 60 / bpm)  # on a beat that begins no bar
    for _ in range(3):
        stage.play(beats_a_bar * 60 / bpm)
        stage.store.set("/tempo/tap", 1)
        one = stage.tracked
    stage.play(5.0)
    assert stage.tempo.bpm == pytest.approx(bpm)
    assert (stage.beat - (stage.tracked - round(one)) + 0.5) % beats_a_bar == pytest.approx(0.5, abs=0.02)


def test_reset_keeps_the_phase_and_forget_and_taps_that_disagree_leave_the_beat_as_it_is_heard() -> None:
    stage = Stage(120.0)
    stage.play(1.1)
    stage.store.set("/tempo/reset", 1)
    assert abs(stage.beat) <= 0.5
    stage.play(3.0)
    assert stage.beat == pytest.approx(6.0, abs=0.5) and stage.phase == pytest.approx(0.0, abs=1e-6)
    stage.play(0.27)
    stage.tap(60.0)
    assert stage.tempo.bpm == pytest.approx(60.0)
    stage.store.set("/tempo/forget", 1)
    stage.play(2.0)
    assert stage.tempo.bpm == pytest.approx(120.0) and stage.phase == pytest.approx(0.0, abs=1e-6)
    before = stage.beat - stage.tracked
    for wait_s in (3.27, 0.23, 1.37):
        stage.play(wait_s)
        stage.store.set("/tempo/tap", 1)
    stage.play(3.0)
    assert stage.tempo.bpm == pytest.approx(120.0) and stage.beat - stage.tracked == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize("ratio", [0.5, 2.0, 1.5])
def test_half_or_double_and_back_leave_the_bar_where_it_was(ratio: float) -> None:
    for wait_s in (1.5, 2.7):
        stage = Stage(120.0)
        stage.play(wait_s)
        one = stage.tracked - stage.beat
        for bpm, counted in ((120.0 * ratio, ratio), (120.0, 1.0)):
            stage.store.set("/tempo/bpm", bpm)
            stage.play(wait_s)
            assert stage.tempo.bpm == pytest.approx(bpm)
            on_one = (stage.beat - (stage.tracked - one) * counted + 0.5) % 4 - 0.5
            assert on_one == pytest.approx(0.0, abs=1e-6), "its bars begin on bars of the song"
