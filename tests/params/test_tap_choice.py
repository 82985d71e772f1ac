"""Taps and tempos set by hand while the beat of the sound is followed."""

import pytest

from engine.params import ParamStore, Tempo
from engine.system.clock import SteppedClock

FRAME_S = 1 / 30


class TapRig:
    """A tempo that follows a tracker at `bpm`, frame by frame."""

    def __init__(self, bpm: float) -> None:
        self.store, self.clock, self.bpm = ParamStore(), SteppedClock(), bpm
        self.tempo = Tempo(self.store, self.clock)
        self.tracked = 0.0
        self.play(2.0)

    def play(self, seconds: float, *, is_audible: bool = True) -> None:
        for _ in range(round(seconds / FRAME_S)):
            self.clock.advance(FRAME_S)
            self.tracked += self.bpm / 60 * FRAME_S
            now_s = self.clock.now_s()
            self.tempo.step(now_s)
            if is_audible:
                self.tempo.follow("beat", beat=self.tracked, bpm=self.bpm, at_s=now_s)

    def pause(self, seconds: float) -> None:
        self.play(seconds, is_audible=False)

    def tap(self, bpm: float, *, count: int = 5, is_audible: bool = True) -> None:
        for _ in range(count):
            self.play(60 / bpm, is_audible=is_audible)
            self.store.set("/tempo/tap", 1)
        self.play(1.0, is_audible=is_audible)

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
        rig = TapRig(120.0)
        assert rig.tempo.bpm == pytest.approx(120.0), ratio
        rig.tap(120.0 * ratio * 1.01)
        assert rig.tempo.bpm == pytest.approx(120.0 * ratio), (
            "the tracker measures, the hand chooses"
        )
        for bpm in range(120, 135):
            rig.bpm = float(bpm)
            rig.play(0.5)
        assert rig.tempo.bpm == pytest.approx(134.0 * ratio), ratio
        rig.bpm = 134.0 * ratio  # the tracker changes its own octave
        rig.play(0.5)
        assert rig.tempo.bpm == pytest.approx(134.0 * ratio), ratio


@pytest.mark.parametrize("beats_a_bar", [4, 3])
def test_bars_begin_on_beats_on_which_bars_began_when_the_tracker_counts_half_or_double(
    beats_a_bar: int,
) -> None:
    """Whatever the beat of the bar in which it changes its mind, and back again."""
    for beats in range(2 * beats_a_bar):
        rig = TapRig(120.0)
        rig.store.set("/tempo/beats_a_bar", beats_a_bar)
        rig.play(0.5 * (2 * beats_a_bar + beats) + 0.1)
        for ratio in (0.5, 2.0):
            bar_at = rig.tracked - rig.beat
            rig.bpm, rig.tracked = rig.bpm * ratio, rig.tracked * ratio
            before = rig.beat
            rig.play(4.0)
            begun = (
                rig.tracked - rig.beat
            ) / ratio - bar_at  # tracked beats, from a bar before to one afterwards
            bars = begun / beats_a_bar * max(1.0, ratio)
            assert bars == pytest.approx(round(bars), abs=1e-6), (beats, ratio)
            assert abs(rig.beat - before - 4.0 * rig.bpm / 60) <= beats_a_bar / 2 + 0.1


def test_taps_on_the_off_beat_move_the_beat_there_and_near_it_leave_it_to_the_tracker() -> None:
    rig = TapRig(120.0)
    assert rig.phase == pytest.approx(0.0, abs=1e-6)
    rig.play(0.27)  # half a beat, and 20 ms of a human hand
    rig.tap(120.0)
    rig.play(2.0)
    assert abs(rig.phase) == pytest.approx(0.5, abs=1e-6)
    rig = TapRig(120.0)
    rig.play(0.04)
    rig.tap(120.0)
    rig.play(1.0)
    assert rig.phase == pytest.approx(0.0, abs=1e-6)


def test_a_tapped_tempo_that_contradicts_the_tracker_holds_for_six_seconds() -> None:
    rig = TapRig(120.0)
    rig.tap(100.0)
    assert rig.tempo.bpm == pytest.approx(100.0, rel=0.02)
    rig.play(3.0)
    assert rig.tempo.bpm == pytest.approx(100.0, rel=0.02)
    rig.play(4.0)
    assert rig.tempo.bpm == pytest.approx(120.0)


@pytest.mark.parametrize("silence_s", [0.0, 4.0])
def test_taps_in_one_song_leave_the_next_one_as_it_is_heard(silence_s: float) -> None:
    for first, tapped, second in [
        (124.0, 124.0, 174.0),
        (120.0, 120.0, 180.0),
        (87.0, 174.0, 124.0),
    ]:
        rig = TapRig(first)
        rig.tap(tapped)
        rig.pause(silence_s)
        rig.bpm = second
        rig.play(8.0)
        assert rig.tempo.bpm == pytest.approx(second), (first, tapped)


def test_a_count_in_by_taps_chooses_the_octave_of_the_song_and_a_minute_later_nothing() -> None:
    for wait_s, bpm in [(1.0, 140.0), (70.0, 70.0)]:
        rig = TapRig(100.0)
        rig.pause(10.0)
        rig.store.set("/tempo/forget", 1)
        rig.tap(140.0, is_audible=False)
        assert rig.tempo.bpm == pytest.approx(140.0, rel=0.06), "frames are 33 ms long"
        rig.pause(wait_s)
        rig.bpm = 70.0
        rig.play(8.0)
        assert rig.tempo.bpm == pytest.approx(bpm), wait_s


@pytest.mark.parametrize(("bpm", "beats_a_bar"), [(128.0, 4), (70.0, 4), (120.0, 3)])
def test_taps_a_bar_apart_mean_the_bar(bpm: float, beats_a_bar: int) -> None:
    rig = TapRig(bpm)
    rig.store.set("/tempo/beats_a_bar", beats_a_bar)
    rig.play((2.0 - rig.tracked % 1.0) * 60 / bpm)  # on a beat that begins no bar
    for _ in range(3):
        rig.play(beats_a_bar * 60 / bpm)
        rig.store.set("/tempo/tap", 1)
        one = rig.tracked
    rig.play(5.0)
    assert rig.tempo.bpm == pytest.approx(bpm)
    assert (rig.beat - (rig.tracked - round(one)) + 0.5) % beats_a_bar == pytest.approx(
        0.5, abs=0.02
    )


def test_reset_keeps_the_phase_and_forget_and_taps_that_disagree_leave_the_beat_as_it_is_heard() -> (
    None
):
    rig = TapRig(120.0)
    rig.play(1.1)
    rig.store.set("/tempo/reset", 1)
    assert abs(rig.beat) <= 0.5
    rig.play(3.0)
    assert rig.beat == pytest.approx(6.0, abs=0.5) and rig.phase == pytest.approx(0.0, abs=1e-6)
    rig.play(0.27)
    rig.tap(60.0)
    assert rig.tempo.bpm == pytest.approx(60.0)
    rig.store.set("/tempo/forget", 1)
    rig.play(2.0)
    assert rig.tempo.bpm == pytest.approx(120.0) and rig.phase == pytest.approx(0.0, abs=1e-6)
    before = rig.beat - rig.tracked
    for wait_s in (3.27, 0.23, 1.37):
        rig.play(wait_s)
        rig.store.set("/tempo/tap", 1)
    rig.play(3.0)
    assert rig.tempo.bpm == pytest.approx(120.0) and rig.beat - rig.tracked == pytest.approx(
        before, abs=1e-6
    )


@pytest.mark.parametrize("ratio", [0.5, 2.0, 1.5])
def test_half_or_double_and_back_leave_the_bar_where_it_was(ratio: float) -> None:
    for wait_s in (1.5, 2.7):
        rig = TapRig(120.0)
        rig.play(wait_s)
        one = rig.tracked - rig.beat
        for bpm, counted in ((120.0 * ratio, ratio), (120.0, 1.0)):
            rig.store.set("/tempo/bpm", bpm)
            rig.play(wait_s)
            assert rig.tempo.bpm == pytest.approx(bpm)
            on_one = (rig.beat - (rig.tracked - one) * counted + 0.5) % 4 - 0.5
            assert on_one == pytest.approx(0.0, abs=1e-6), "its bars begin on bars of the song"
