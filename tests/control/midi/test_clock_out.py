"""The clock and the timecode that the engine sends, read by the engine's own readers."""

import pytest

from engine.control.midi.clock_out import CLOCK, START, STOP, ClockOut, TimecodeOut
from engine.control.midi.messages import time_event
from engine.params.mtc import MtcAssembler, full_frame
from engine.params.tempo_sources import TickLine
from engine.params.timecode import RATES, Label, frame_number, label_at


def test_a_receiver_hears_the_tempo_and_is_started_on_the_bar() -> None:
    out, line, now_s, beat = ClockOut(), TickLine(), 10.0, 2.7
    sent: list[tuple[float, bytes]] = []
    while beat < 9.0:
        for message in out.due(beat):
            sent.append((beat, message))
            if message == CLOCK:
                line.tick(now_s)
        wait_s = out.wait_s(beat, 128.0)
        now_s, beat = now_s + wait_s, beat + wait_s * 128.0 / 60.0
    assert line.bpm == pytest.approx(128.0, abs=0.01)
    assert [beat for beat, message in sent if message == START] == [pytest.approx(4.0, abs=1e-3)]
    ticks = [beat for beat, message in sent if message == CLOCK]
    assert len([beat for beat in ticks if 3.999 < beat < 7.999]) == 96
    assert out.stop() == [STOP] and out.stop() == []


def test_a_reset_starts_the_receiver_again_and_a_late_thread_loses_no_tick() -> None:
    out = ClockOut()
    out.due(4.0)
    assert out.due(4.0 + 5 / 24) == [CLOCK] * 5
    assert out.due(1.2 / 24) == [START, CLOCK, CLOCK], "beat 0, seen a tick late"
    assert out.due(0.5 / 24 + 2.0) == [CLOCK], (
        "a jump to the middle of a bar: no burst, and no start yet"
    )
    assert START in [message for tick in range(49, 97) for message in out.due(tick / 24)]


@pytest.mark.parametrize("name", RATES)
def test_quarter_frames_are_the_position_that_they_were_sent_at(name: str) -> None:
    rate, out, reader = RATES[name], TimecodeOut(), MtcAssembler()
    seconds, now_s, readings = 59.5, 100.0, []
    for _ in range(300):
        for message in out.due(seconds, 1.0, rate, now_s):
            event = time_event(message, "desk")
            assert event is not None
            if event.kind == "mtc" and (reading := reader.quarter_frame(event.value, now_s)):
                readings.append(reading)
        wait_s = out.wait_s(seconds, 1.0, rate)
        seconds, now_s = seconds + wait_s, now_s + wait_s
    assert len(readings) > 30
    for reading in readings:
        label = Label(reading.hours, reading.minutes, reading.seconds, reading.frames)
        position_s = 59.5 + reading.at_s - 100.0
        assert reading.rate == name
        assert frame_number(label, rate) / rate.fps == pytest.approx(position_s, abs=1e-3)


def test_a_full_frame_announces_a_locate_and_its_position() -> None:
    rate, out = RATES["25"], TimecodeOut()
    (message,) = out.due(3600.0, 0.0, rate, 1.0)
    event = time_event(message, "desk")
    assert event is not None and event.kind == "mtc_full"
    reading = full_frame(event.value, 1.0)
    assert reading is not None and (reading.hours, reading.rate) == (1, "25")
    assert out.due(3600.0, 0.0, rate, 2.0) == [], "it is sent once"
    assert out.due(-0.5, 1.0, rate, 3.0) == [], "before the show"
    assert label_at(90_000, rate) == (1, 0, 0, 0)
