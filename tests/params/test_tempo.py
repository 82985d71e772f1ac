"""Tempo and beat: tapped, set and from MIDI clock, with known times."""

import itertools
import math
import random
from collections.abc import Iterable

import pytest

from engine.params import ParamStore, Tempo
from engine.params.fade_time import Pulse
from engine.system.clock import SteppedClock
from osc_schema import Rejected

BPM = "/tempo/bpm"
TICK_S = 60 / 120 / 24


@pytest.fixture
def tempo(store: ParamStore, clock: SteppedClock) -> Tempo:
    return Tempo(store, clock)


@pytest.fixture
def midi(store: ParamStore, clock: SteppedClock) -> Tempo:
    store.set("/tempo/source", "midi")
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


def test_it_starts_at_120_and_a_new_tempo_continues_the_beat_without_a_jump(
    store: ParamStore, tempo: Tempo
) -> None:
    assert [tempo.beat_at(time_s) for time_s in (0.0, 0.5, 3.0)] == [0.0, 1.0, 6.0]
    store.set(BPM, 60)
    tempo.step(3.0)
    assert [tempo.beat_at(time_s) for time_s in (3.0, 4.0)] == [6.0, 7.0]
    assert (tempo.bpm, store.get(BPM)) == (60.0, 60.0)


def test_reset_sets_beat_0_at_the_time_of_the_trigger(
    store: ParamStore, tempo: Tempo, clock: SteppedClock
) -> None:
    clock.advance(3.3)
    store.set("/tempo/reset", 1)
    assert tempo.beat_at(3.3) == 0.0 and tempo.beat_at(3.8) == 1.0


def test_uneven_taps_are_averaged_over_the_last_eight_intervals(tempo: Tempo) -> None:
    times_s = [n * 0.5 + (0.03 if n % 2 else 0.0) for n in range(9)]
    assert tap(tempo, *times_s) == pytest.approx(120.0)
    later_s = [times_s[-1] + n * 0.6 for n in range(1, 9)]  # a slower song, within a third
    assert tap(tempo, *later_s) == pytest.approx(100.0)


def test_the_slowest_and_the_fastest_tempo_can_be_tapped(tempo: Tempo) -> None:
    for bpm in (20, 300):
        assert tap(tempo, *(100 + n * 60 / bpm for n in range(4))) == pytest.approx(bpm), bpm


def test_after_a_pause_a_bounce_or_another_song_the_taps_start_over(tempo: Tempo) -> None:
    for gap_s in [3.5, 0.05, 0.9]:
        last_s = 1.5
        assert tap(tempo, 0.0, 0.5, 1.0, last_s) == pytest.approx(120.0), gap_s
        assert tap(tempo, last_s + gap_s) == pytest.approx(120.0), "one tap does not set the tempo"
        assert tap(tempo, last_s + gap_s + 0.75) == pytest.approx(80.0), gap_s


def jittered(
    bpm: float, beats: int, jitter_s: float, seed: int = 3
) -> Iterable[tuple[float, float]]:
    """(ideal time, actual time) of each tick."""
    noise = random.Random(seed)
    for number in range(beats * 24):
        true_s = number * 60 / bpm / 24
        yield true_s, true_s + noise.uniform(0.0, 2 * jitter_s)


def test_ticks_5_ms_off_give_a_steady_tempo_and_position(midi: Tempo) -> None:
    midi.midi_start(0.0)
    bpms, errors = [], []
    for true_s, came_s in jittered(128.0, 32, 0.005):
        midi.midi_clock(came_s)
        if true_s > 2.0:
            bpms.append(midi.bpm)
            errors.append(midi.beat_at(true_s + 0.005) - true_s * 128 / 60)
    assert max(abs(bpm - 128.0) for bpm in bpms) < 3.0, "interval by interval it would swing by 60"
    assert max(map(abs, errors)) < 0.008, "a beat is placed to within 4 ms"


def test_start_sets_the_bar_and_continue_resumes_from_stop(midi: Tempo) -> None:
    now_s = tick(midi, 60)
    midi.midi_start(now_s)
    now_s = tick(midi, 36, from_s=now_s)  # beats 0 .. 1.5
    assert midi.beat_at(now_s) == pytest.approx(1.5)
    midi.midi_stop(now_s)
    now_s = tick(midi, 24, from_s=now_s)  # like machines that send ticks while stopped
    assert midi.beat_at(now_s) == pytest.approx(2.5), "the beat continues"
    midi.midi_continue(now_s)
    midi.midi_clock(now_s)
    assert midi.beat_at(now_s) == pytest.approx(1.5)
    midi.midi_song_position(99)  # ignored while it runs
    now_s = tick(midi, 12, from_s=now_s + TICK_S)
    assert midi.beat_at(now_s) == pytest.approx(1.5 + 13 / 24)
    midi.step(now_s)
    midi.midi_stop(now_s)
    midi.step(now_s + 9.0)
    midi.midi_song_position(14)
    midi.midi_continue(now_s + 9.0)
    midi.midi_clock(now_s + 9.0)
    assert midi.beat_at(now_s + 9.0) == pytest.approx(3.5), "14 sixteenths"


def test_the_state_shows_if_the_beat_follows_its_clock_runs_on_or_is_stopped(
    store: ParamStore, clock: SteppedClock
) -> None:
    tempo = Tempo(store, clock)
    tempo.follow("beat", beat=0.0, bpm=124.0, at_s=0.0)
    assert [tempo.status(now_s, 0.9).state for now_s in (0.5, 2.0)] == ["following", "free"]
    store.set("/tempo/source", "midi")
    tempo.step(2.0)
    end_s = tick(tempo, 48, from_s=2.0)
    assert (tempo.status(end_s, 0.0).state, tempo.status(end_s + 3.0, 0.0).state) == (
        "following",
        "free",
    )
    tempo.midi_stop(end_s)
    tempo.step(end_s + 9.0)
    assert store.get("/tempo/state") == "stopped"
    store.set("/tempo/source", "manual")
    tempo.step(end_s + 9.0)
    assert store.get("/tempo/state") == "manual"


def test_the_tempo_is_written_at_most_four_times_a_second(store: ParamStore, midi: Tempo) -> None:
    for _, came_s in jittered(128.0, 16, 0.005):
        midi.midi_clock(came_s)
        midi.step(came_s)
    assert store.version <= 16 / 128 * 60 * 4 + 2  # one is the state
    assert store.get(BPM) == pytest.approx(128.0, abs=3.0)


def test_only_a_sure_clock_of_the_source_moves_the_beat(
    store: ParamStore, tempo: Tempo, clock: SteppedClock
) -> None:
    for source in ("manual", "midi", "beat", "link"):
        store.set("/tempo/source", source)
        tempo.step(0.0)
        tempo.follow("timecode", beat=3.3, bpm=90.0, at_s=0.0)
        assert (tempo.bpm, tempo.beat_at(1.0)) == (120.0, 2.0), source
    for beat, bpm, confidence in (
        (3.3, 90.0, 0.1),
        (math.nan, 90.0, 1.0),
        (math.inf, 90.0, 1.0),
        (3.3, 0.0, 1.0),
    ):
        tempo.follow("link", beat=beat, bpm=bpm, at_s=0.0, confidence=confidence)
        assert (tempo.bpm, tempo.beat_at(1.0)) == (120.0, 2.0), (beat, bpm, confidence)
    tempo.follow("link", beat=0.0, bpm=90.0, at_s=0.0)
    assert tap(tempo, 0.1, 0.5) == 90.0, "a tap does not count while a clock does"


def test_the_pulse_of_a_frame_distinguishes_a_moving_tempo_from_a_count_that_restarts(
    store: ParamStore, tempo: Tempo
) -> None:
    store.set("/tempo/source", "timecode")
    tempo.step(0.0)
    tempo.step(0.5)
    assert tempo.read_pulse() == Pulse(beat=1.0, jumped=0.0, step=1.0, bpm=120.0, beats_a_bar=4)
    tempo.follow("timecode", beat=10.0, bpm=90.0, at_s=0.5)
    for now_s, beat, step in ((1.0, 10.75, 1.0), (2.0, 12.25, 1.5)):
        tempo.step(now_s)
        assert tempo.read_pulse() == Pulse(
            beat=beat, jumped=8.75, step=step, bpm=90.0, beats_a_bar=4
        )


def test_a_lost_clock_leaves_its_tempo_and_a_returning_one_does_not_jump(midi: Tempo) -> None:
    end_s = tick(midi, 240)
    assert midi.beat_at(end_s + 10.0) == pytest.approx(30.0)
    midi.midi_clock(end_s + 10.0)
    assert midi.beat_at(end_s + 10.0) == pytest.approx(30.0)
    tick(midi, 240, 60 / 90 / 24, end_s + 10.0 + 60 / 90 / 24)
    assert midi.bpm == pytest.approx(90.0)


@pytest.mark.parametrize(("bpm", "factor"), [(174.0, 2.0), (33.0, 0.5)])
def test_half_or_double_beyond_the_range_is_refused_with_a_line(
    store: ParamStore, tempo: Tempo, bpm: float, factor: float
) -> None:
    store.set("/tempo/bpm", bpm)
    tempo.step(0.0)
    with pytest.raises(Rejected, match=f"/tempo/bpm: {bpm * factor:g} is outside 20..300"):
        store.set("/tempo/bpm", bpm * factor)
    tempo.step(1.0)
    assert tempo.bpm == store.get("/tempo/bpm") == bpm


def test_a_running_clock_ignores_taps_and_replaces_a_tempo_set_by_hand(
    store: ParamStore, midi: Tempo
) -> None:
    end_s = tick(midi, 240)
    assert tap(midi, end_s, end_s + 0.3) == pytest.approx(120.0)
    store.set(BPM, 60)
    midi.step(end_s)
    tick(midi, 24, from_s=end_s)
    midi.step(end_s + 0.5)
    assert store.get(BPM) == 120.0
    assert tap(midi, end_s + 5.0, end_s + 5.6) == pytest.approx(100.0), (
        "once it is gone they count again"
    )


def test_a_midi_clock_that_is_not_followed_is_named_once_with_what_to_set(
    store: ParamStore, clock: SteppedClock
) -> None:
    lines: list[str] = []
    tempo = Tempo(store, clock, lines.append)
    tick(tempo, 3)
    assert lines == [], "a stray tick is no clock"
    tick(tempo, 500)
    store.set("/tempo/source", "manual")
    tempo.step(1.0)
    tick(tempo, 500)
    assert len(lines) == 1
    assert "comes from beat" in lines[0] and "/tempo/source midi" in lines[0]
    store.set("/tempo/source", "midi")
    assert tick(tempo, 240, 60 / 90 / 24) and tempo.bpm == pytest.approx(90.0), "which then does it"


def test_a_stopped_transport_is_reported_and_a_start_counts_from_one(
    store: ParamStore, clock: SteppedClock
) -> None:
    store.set("/tempo/source", "link")
    tempo = Tempo(store, clock)
    tempo.step(0.0)

    def follow(beat: float, *, is_playing: bool, count: int = 0) -> object:
        tempo.follow(
            "link", beat=beat, bpm=120.0, at_s=clock.now_s(), is_playing=is_playing, count=count
        )
        tempo.step(clock.now_s())
        return store.get("/tempo/state")

    assert store.get("/tempo/state") == "free"
    assert follow(7.0, is_playing=True) == "following"
    tempo.reset(clock.now_s())
    assert follow(7.0, is_playing=False) == "stopped"
    clock.advance(0.5)
    assert tempo.beat_at(clock.now_s()) == pytest.approx(1.0), "the beat runs on"
    assert follow(0.25, is_playing=True, count=1) == "following"
    assert tempo.beat_at(clock.now_s()) == pytest.approx(0.25), "at once, and without the reset"
    with pytest.raises(Rejected, match="shows how the beat runs \\(following\\)"):
        store.set("/tempo/state", "stopped")
    clock.advance(3.0)
    tempo.step(clock.now_s())
    assert store.get("/tempo/state") == "free"


def test_a_link_session_beyond_the_range_is_noted_once_with_its_tempo(
    store: ParamStore, clock: SteppedClock
) -> None:
    lines: list[str] = []
    store.set("/tempo/source", "link")
    tempo = Tempo(store, clock, lines.append)

    def follow(bpm: float, reports: int = 25) -> None:
        for _ in range(reports):
            clock.advance(0.04)
            tempo.follow("link", beat=0.0, bpm=bpm, at_s=clock.now_s())
            tempo.step(clock.now_s())

    follow(300.0)
    assert lines == []
    follow(400.0)
    message = (
        "Ableton Link runs at 400.00 beats/min, outside 20..300: the beat follows it, "
        "/tempo/bpm shows 300"
    )
    assert lines == [message] and store.get(BPM) == 300.0 and tempo.bpm == 400.0
    follow(120.0)
    follow(999.0)
    assert len(lines) == 2 and "999.00" in lines[1]
    store.set("/tempo/source", "manual")
    tempo.step(clock.now_s())
    assert tempo.bpm == 300.0, "what is shown"


def beats(tempo: Tempo, from_s: float, to_s: float, step_s: float = 0.01) -> list[float]:
    return [tempo.beat_at(from_s + n * step_s) for n in range(round((to_s - from_s) / step_s))]


@pytest.mark.parametrize("off_by", [-0.9, -0.2, 0.2, 0.9])
def test_the_beat_glides_to_a_clock_without_running_back(
    store: ParamStore, tempo: Tempo, clock: SteppedClock, off_by: float
) -> None:
    store.set("/tempo/source", "link")
    tempo.step(0.0)
    clock.advance(4.0)
    tempo.follow("link", beat=8.0 + off_by, bpm=120.0, at_s=4.0)
    assert tempo.beat_at(4.0) == pytest.approx(8.0), "no jump"
    on_the_way = beats(tempo, 4.0, 6.0)
    steps = [after - before for before, after in itertools.pairwise(on_the_way)]
    assert min(steps) >= 0.0099 and max(steps) <= 0.0301, "half to one and a half times the tempo"
    assert tempo.beat_at(6.0) == pytest.approx(12.0 + off_by)


@pytest.mark.parametrize("source", ["manual", "midi", "link", "beat"])
def test_a_nudge_moves_all_beats_by_10_ms_and_stays_while_the_clock_runs(
    store: ParamStore, clock: SteppedClock, source: str
) -> None:
    store.set("/tempo/source", source)
    tempo, beats = Tempo(store, clock), []

    def play(ticks: int) -> float:
        """How many milliseconds the beat comes later than the clock says."""
        for _ in range(ticks):
            clock.advance(TICK_S)
            now_s = clock.now_s()
            if source == "midi":
                tempo.midi_clock(now_s)
            elif source != "manual":
                tempo.follow(source, beat=now_s * 2.0, bpm=120.0, at_s=now_s)
            tempo.step(now_s)
            beats.append(tempo.beat_at(now_s))
        return (clock.now_s() * 2.0 - tempo.beat_at(clock.now_s())) * 500.0

    before = play(96)
    for number in range(1, 31):  # more than half a beat
        store.set("/tempo/later", 1)
        assert play(24) - before == pytest.approx(10.0 * number)
    for _ in range(31):
        store.set("/tempo/earlier", 1)
        play(24)
    assert play(96) - before == pytest.approx(-10.0)
    assert beats == sorted(beats), "no beat passes twice"
