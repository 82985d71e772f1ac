"""MIDI timecode from quarter frames with known times."""

import random

import pytest

from engine.params.mtc import MtcAssembler, full_frame
from engine.params.timecode import RATES, Label, seconds_of
from engine.values import TimecodeReading
from tests.support.ltc_signal import FPS
from tests.support.mtc_signal import quarter_frames

FIRST = (17, 59, 58, 4)


def label_of(reading: TimecodeReading) -> Label:
    return Label(reading.hours, reading.minutes, reading.seconds, reading.frames)


def readings_of(messages: list[tuple[float, int]]) -> list[TimecodeReading]:
    assembler = MtcAssembler()
    return [
        reading
        for at_s, data in messages
        if (reading := assembler.quarter_frame(data, at_s)) is not None
    ]


def test_a_label_is_dated_back_to_the_start_of_its_frame() -> None:
    for rate in FPS:
        for speed in [0.6, 1.0, 2.0, -0.6, -1.0, -2.0]:
            readings = readings_of(list(quarter_frames(FIRST, 100, rate=rate, speed=speed)))
            assert len(readings) == 50, rate
            assert {each.rate for each in readings} == {rate} and {
                each.is_backward for each in readings
            } == {speed < 0}
            begin_s = seconds_of(Label(*FIRST), RATES[rate])
            if speed < 0:
                # the place of the first message: piece 7 of the last label
                begin_s += (98 + 1.75) / FPS[rate]
            for each in readings:
                assert seconds_of(label_of(each), RATES[rate]) == pytest.approx(
                    begin_s + each.at_s * speed, abs=1e-6
                )
                assert each.frame_s == pytest.approx(1.0 / FPS[rate] / abs(speed)), rate


def test_jitter_is_averaged_and_bytes_that_are_not_a_time_are_left_out() -> None:
    rng = random.Random(3)
    messages = [(at_s + rng.uniform(0.0, 0.008), data) for at_s, data in quarter_frames(FIRST, 100)]
    begin_s = seconds_of(Label(*FIRST), RATES["25"])
    errors = [
        seconds_of(label_of(each), RATES["25"]) - begin_s - each.at_s
        for each in readings_of(messages)
    ]
    assert max(errors) - min(errors) < 0.012 and abs(sum(errors) / len(errors) + 0.004) < 0.001
    pieces = [0x0F, 0x1F, 0x2F, 0x3F, 0x4F, 0x5F, 0x6F, 0x7F]
    assert readings_of([(0.01 * n, data) for n, data in enumerate(pieces)]) == []
    for code, (rate, last) in enumerate((("24", 23), ("25", 24), ("29.97df", 29), ("30", 29))):
        located = full_frame(code << 26 | 23 << 21 | 59 << 14 | 12 << 7 | last, 0.0)
        assert located is not None and located.is_still
        assert (*label_of(located), located.rate) == (23, 59, 12, last, rate)
        for beyond in (last + 1, 60 << 7, 60 << 14, 24 << 21):
            assert full_frame(code << 26 | beyond, 0.0) is None, rate


def test_a_lost_message_or_a_turn_makes_no_wrong_label() -> None:
    messages = list(quarter_frames(FIRST, 40))
    labels = {label_of(each) for each in readings_of(messages)}
    for lost in range(40, 56):
        found = {label_of(each) for each in readings_of(messages[:lost] + messages[lost + 1 :])}
        assert found < labels and len(found) >= len(labels) - 2
    messages = list(quarter_frames(FIRST, 4))
    later = [(at_s + 5.0, data) for at_s, data in quarter_frames((2, 0, 0, 0), 4)]
    assert [label_of(each) for each in readings_of(messages[:4] + later[4:])] == [(2, 0, 0, 2)]
    forward = list(quarter_frames(FIRST, 6))
    end_s = forward[-1][0]
    back = [(end_s + 0.01 + at_s, data) for at_s, data in quarter_frames(FIRST, 6, speed=-1.0)]
    labels = [label_of(each).frames for each in readings_of(forward + back)]
    assert labels == [4, 6, 8, 8, 6, 4]
