"""Tempo and beat: tapped, set and from MIDI clock, with known times."""

import random
from collections.abc import Iterable

import pytest

from engine.params import ParamStore, Tempo
from engine.system.clock import SteppedClock

BPM = "/tempo/bpm"
TICK_S = 60 / 120 / 24


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def store() -> ParamStore:
    return ParamStore()


@pytest.fixture
def tempo(store: ParamStore, clock: SteppedClock) -> Tempo:
    return Tempo(store, clock)


def tap(tempo: Tempo, *times_s: float) -> float:
    for time_s in times_s:
        tempo.tap(time_s)
    return tempo.bpm


def tick(tempo: Tempo, count: int, period_s: float = TICK_S, from_s: float = 0.0) -> float:
    """Send clock ticks; returns the time of the next one."""
    for number in range(count):
        tempo.midi_clock(from_s + number * period_s)
    return from_s + count * period_s


# -- set ---------------------------------------------------------------------------------------


def test_it_starts_at_120_and_a_new_tempo_continues_the_beat_without_a_jump(store: ParamStore, tempo: Tempo) -> None:
    assert [tempo.beat_at(time_s) for time_s in (0.0, 0.5, 3.0)] == [0.0, 1.0, 6.0]
    store.set(BPM, 60)
    tempo.step(3.0)
    assert [tempo.beat_at(time_s) for time_s in (3.0, 4.0)] == [6.0, 7.0]
    assert (tempo.bpm, store.get(BPM)) == (60.0, 60.0)


def test_reset_sets_beat_0_at_the_time_of_the_trigger(store: ParamStore, tempo: Tempo, clock: SteppedClock) -> None:
    clock.advance(3.3)
    store.set("/tempo/reset", 1)
    assert tempo.beat_at(3.3) == 0.0 and tempo.beat_at(3.8) == 1.0


# -- tapped ------------------------------------------------------------------------------------


def test_two_taps_set_the_tempo_and_the_beat(tempo: Tempo) -> None:
    assert tap(tempo, 10.2) == 120.0
    assert tap(tempo, 10.8) == pytest.approx(100.0)
    assert tempo.beat_at(10.8) % 1 == 0.0
    assert tempo.beat_at(11.4) == pytest.approx(tempo.beat_at(10.8) + 1)


def test_uneven_taps_are_averaged_over_the_last_eight_intervals(tempo: Tempo) -> None:
    times_s = [n * 0.5 + (0.03 if n % 2 else 0.0) for n in range(9)]
    assert tap(tempo, *times_s) == pytest.approx(120.0)
    later_s = [times_s[-1] + n * 0.6 for n in range(1, 9)]  # a slower song, within a third
    assert tap(tempo, *later_s) == pytest.approx(100.0)


@pytest.mark.parametrize("gap_s", [3.5, 0.05, 0.9])
def test_after_a_pause_a_bounce_or_another_song_the_taps_start_over(tempo: Tempo, gap_s: float) -> None:
    last_s = 1.5
    assert tap(tempo, 0.0, 0.5, 1.0, last_s) == pytest.approx(120.0)
    assert tap(tempo, last_s + gap_s) == pytest.approx(120.0), "one tap does not set the tempo"
    assert tap(tempo, last_s + gap_s + 0.75) == pytest.approx(80.0)


@pytest.mark.parametrize("bpm", [20, 300])
def test_the_slowest_and_the_fastest_tempo_can_be_tapped(tempo: Tempo, bpm: float) -> None:
    assert tap(tempo, *(100 + n * 60 / bpm for n in range(4))) == pytest.approx(bpm)


def test_a_tap_counts_when_it_comes_and_shows_in_the_next_frame(
    store: ParamStore, tempo: Tempo, clock: SteppedClock
) -> None:
    for _ in range(4):
        clock.advance(0.4)
        store.set("/tempo/tap", 1)
    assert tempo.bpm == pytest.approx(150.0) and store.get(BPM) == 120.0
    tempo.step(1.7)
    assert store.get(BPM) == pytest.approx(150.0)
    (change,) = (change for change in store.changes_since(0)[0] if change.address == BPM)
    assert change.by == "tempo"
    tempo.step(1.8)
    assert tempo.bpm == pytest.approx(150.0), "its own update does not count as set by a user"


# -- MIDI clock --------------------------------------------------------------------------------


def test_24_ticks_are_a_beat(store: ParamStore, tempo: Tempo) -> None:
    tempo.midi_start(0.0)
    end_s = tick(tempo, 96, 60 / 140 / 24)
    assert tempo.bpm == pytest.approx(140.0)
    assert tempo.beat_at(end_s) == pytest.approx(4.0)
    tempo.step(end_s)
    assert store.get(BPM) == 140.0


def jittered(bpm: float, beats: int, jitter_s: float, seed: int = 3) -> Iterable[tuple[float, float]]:
    """(ideal time, actual time) of each tick."""
    noise = random.Random(seed)
    for number in range(beats * 24):
        true_s = number * 60 / bpm / 24
        yield true_s, true_s + noise.uniform(0.0, 2 * jitter_s)


def test_ticks_5_ms_off_give_a_steady_tempo_and_position(tempo: Tempo) -> None:
    tempo.midi_start(0.0)
    bpms, errors = [], []
    for true_s, came_s in jittered(128.0, 32, 0.005):
        tempo.midi_clock(came_s)
        if true_s > 2.0:
            bpms.append(tempo.bpm)
            errors.append(tempo.beat_at(true_s + 0.005) - true_s * 128 / 60)
    assert max(abs(bpm - 128.0) for bpm in bpms) < 3.0, "interval by interval it would swing by 60"
    assert max(map(abs, errors)) < 0.008, "a beat is placed to within 4 ms"


def test_a_change_of_tempo_is_followed_within_four_beats(tempo: Tempo) -> None:
    end_s = tick(tempo, 240)
    assert tempo.bpm == pytest.approx(120.0)
    tick(tempo, 96, 60 / 132 / 24, end_s)
    assert tempo.bpm == pytest.approx(132.0, abs=1.0)


def test_the_tempo_is_written_at_most_four_times_a_second(store: ParamStore, tempo: Tempo) -> None:
    for _, came_s in jittered(128.0, 16, 0.005):
        tempo.midi_clock(came_s)
        tempo.step(came_s)
    assert store.version <= 16 / 128 * 60 * 4 + 1
    assert store.get(BPM) == pytest.approx(128.0, abs=3.0)


def test_start_sets_the_bar_and_continue_goes_on_from_stop(tempo: Tempo) -> None:
    now_s = tick(tempo, 60)
    tempo.midi_start(now_s)
    now_s = tick(tempo, 36, from_s=now_s)  # beats 0 .. 1.5
    assert tempo.beat_at(now_s) == pytest.approx(1.5)
    tempo.midi_stop(now_s)
    now_s = tick(tempo, 24, from_s=now_s)  # like machines that send ticks while stopped
    assert tempo.beat_at(now_s) == pytest.approx(2.5), "the beat continues"
    tempo.midi_continue(now_s)
    tempo.midi_clock(now_s)
    assert tempo.beat_at(now_s) == pytest.approx(1.5)


def test_a_lost_clock_leaves_its_tempo_and_a_returning_one_does_not_jump(tempo: Tempo) -> None:
    end_s = tick(tempo, 240)
    assert tempo.beat_at(end_s + 10.0) == pytest.approx(30.0)
    tempo.midi_clock(end_s + 10.0)
    assert tempo.beat_at(end_s + 10.0) == pytest.approx(30.0)
    tick(tempo, 240, 60 / 90 / 24, end_s + 10.0 + 60 / 90 / 24)
    assert tempo.bpm == pytest.approx(90.0)


def test_while_a_clock_is_active_taps_do_nothing_and_a_tempo_set_by_hand_is_replaced(
    store: ParamStore, tempo: Tempo
) -> None:
    end_s = tick(tempo, 240)
    assert tap(tempo, end_s, end_s + 0.3) == pytest.approx(120.0)
    store.set(BPM, 60)
    tempo.step(end_s)
    tick(tempo, 24, from_s=end_s)
    tempo.step(end_s + 0.5)
    assert store.get(BPM) == 120.0
    assert tap(tempo, end_s + 5.0, end_s + 5.6) == pytest.approx(100.0), "once it is gone they count again"


def test_with_midi_off_the_clock_is_ignored(store: ParamStore, tempo: Tempo) -> None:
    store.set("/tempo/midi", 0)
    tick(tempo, 240, 60 / 90 / 24)
    assert tempo.bpm == 120.0
    assert tap(tempo, 7.0, 7.6) == pytest.approx(100.0)


def test_a_burst_of_ticks_sets_no_tempo(store: ParamStore, tempo: Tempo) -> None:
    later_s = tick(tempo, 4000, 1e-5)  # 250 000 beats a minute
    assert tempo.bpm == 120.0
    tick(tempo, 240, 60 / 90 / 24, from_s=later_s + 1.0)
    assert tempo.bpm == pytest.approx(90.0)


def test_a_clock_beyond_the_range_is_followed_and_shown_at_its_end(store: ParamStore, tempo: Tempo) -> None:
    tick(tempo, 240, 60 / 400 / 24)
    for frame in range(9):
        tempo.step(1.5 + frame)
    assert tempo.bpm == pytest.approx(400.0) and store.get(BPM) == 300.0 and store.version == 1
