"""LTC from synthetic tapes with known labels and edges: every rate and speed, noise, wow, hum,
dropouts."""

import numpy as np
import pytest

from engine.audio.ltc import LtcDecoder, LtcTap
from engine.values import TimecodeReading
from tests.support.long_form import in_long_form
from tests.support.ltc_signal import FPS, Label, LtcSignal, ltc_signal, wow

FIRST = (1, 2, 58, 20)
LEAD_IN_FRAMES = 3  # to find the length of a bit, then the start of a frame


def label_of(frame: TimecodeReading) -> Label:
    return frame.hours, frame.minutes, frame.seconds, frame.frames


def decode(samples: np.ndarray, rate_hz: int = 48_000, block: int = 480) -> list[TimecodeReading]:
    """Decode the frames of LTC in `samples`; `at_s` is their position on the tape in samples."""
    decoder = LtcDecoder(rate_hz, lambda sample: sample)
    sound = samples.astype(np.float32)
    return [
        frame
        for at in range(0, sound.size, block)
        for frame in decoder.feed(sound[at : at + block])
    ]


def errors_of(frames: list[TimecodeReading], tape: LtcSignal) -> np.ndarray:
    """Distance in samples of each frame from its true first edge; KeyError for a label that is not
    on the tape."""
    starts = dict(zip(tape.labels, tape.starts, strict=True))
    return np.array([frame.at_s - starts[label_of(frame)] for frame in frames])


@pytest.mark.parametrize("rate", FPS)
@pytest.mark.parametrize("speed", [0.6, 1.0, 2.0, -0.6, -1.0, -2.0])
@pytest.mark.parametrize("rate_hz", [44_100, *in_long_form(16_000, 48_000, 96_000, 192_000)])
def test_every_rate_is_read_at_any_speed_and_backward(
    rate: str, speed: float, rate_hz: int
) -> None:
    tape = ltc_signal(FIRST, 60, rate=rate, sample_rate_hz=rate_hz, speed=speed)
    frames = decode(tape.samples, rate_hz)
    expected = tape.labels if speed > 0 else tape.labels[::-1]
    labels = [label_of(frame) for frame in frames]
    first = expected.index(labels[0])
    assert labels == expected[first : first + len(labels)]
    assert len(frames) >= 60 - LEAD_IN_FRAMES
    assert {frame.rate == "29.97df" for frame in frames} == {rate == "29.97df"}
    assert {frame.is_backward for frame in frames} == {speed < 0}
    assert np.abs(errors_of(frames, tape)).max() < 0.6
    assert [frame.frame_s for frame in frames] == pytest.approx(
        [1.0 / FPS[rate] / abs(speed)] * len(frames), rel=2e-3
    )


def hum(sound: np.ndarray) -> np.ndarray:
    return sound + np.sin(2.0 * np.pi * 50.0 / 48_000 * np.arange(sound.size))


def low_passed(sound: np.ndarray, cutoff_hz: float = 3000.0) -> np.ndarray:
    spectrum, frequencies = np.fft.rfft(sound), np.fft.rfftfreq(sound.size, 1 / 48_000)
    return np.fft.irfft(spectrum / (1.0 + (frequencies / cutoff_hz) ** 4), sound.size)


def test_a_bad_line_noise_and_wow_cost_no_frame() -> None:
    for spoil in [
        lambda sound: -sound,
        lambda sound: sound * 0.02,  # -40 dBFS
        lambda sound: sound + 0.4,
        lambda sound: np.round(sound * 127.0) / 128.0,
        lambda sound: np.round(sound * 0.02 * 127.0) / 128.0,  # one step of 8 bits
        hum,
        low_passed,
        lambda sound: np.clip(sound * 20.0, -1.0, 1.0),
    ]:
        tape = ltc_signal(FIRST, 60, rate="30")
        frames = decode(spoil(tape.samples))
        assert len(frames) >= 60 - LEAD_IN_FRAMES, spoil
        assert np.abs(errors_of(frames, tape)).max() < 1.0, spoil
    for speed in [0.6, 1.0]:
        tape = ltc_signal(FIRST, 100, speed=speed)
        # 6 dB below the signal
        noise = np.random.default_rng(1).normal(0.0, 0.25, tape.samples.size)
        frames = decode(tape.samples + noise)
        assert len(frames) >= 98 - LEAD_IN_FRAMES, speed
        assert np.abs(errors_of(frames, tape)).max() < 1.5, speed
    for rate_hz in [0.5, 2.0, 5.0]:
        tape = ltc_signal(FIRST, 100, speed=wow(2.0, rate_hz))
        frames = decode(tape.samples)
        assert len(frames) >= 100 - LEAD_IN_FRAMES, rate_hz
        assert np.abs(errors_of(frames, tape)).max() < 5.0, rate_hz  # 0.1 ms


def test_a_tape_is_read_while_it_spools_up_turns_round_and_is_wound_faster_and_faster() -> None:
    def speed(times_s: np.ndarray) -> np.ndarray:
        # twice forward, to a stop after 4 s, then backward
        return 2.0 * np.cos(2.0 * np.pi * times_s / 16.0)

    tape = ltc_signal((1, 0, 0, 0), 200, speed=speed)
    frames = decode(tape.samples)
    forward = [label_of(frame) for frame in frames if not frame.is_backward]
    backward = [label_of(frame) for frame in frames if frame.is_backward]
    assert forward == sorted(forward) and backward == sorted(backward, reverse=True)
    assert len(forward) > 80 and len(backward) > 60
    tape = ltc_signal((1, 0, 0, 0), 150, speed=lambda times_s: 0.7 + 0.3 * times_s)
    assert len(decode(tape.samples)) >= 150 - LEAD_IN_FRAMES


def test_after_missing_bits_or_a_dropout_frames_continue_and_none_is_invented() -> None:
    tape = ltc_signal(FIRST, 200)
    sound = tape.samples.copy()
    for at in range(10_000, sound.size - 2000, 5000):  # the head leaves the tape for three bits
        sound[at : at + 72] = sound[at]
    frames = decode(sound)
    assert np.abs(errors_of(frames, tape)).max() < 20.0, "every label is where it is on the tape"
    assert len(frames) > 80
    tape = ltc_signal(FIRST, 100)
    sound = tape.samples.copy()
    sound[48_000:60_000] = 0.0
    frames = decode(sound)
    assert np.abs(errors_of(frames, tape)).max() < 0.6
    lost = 60 + 2 * LEAD_IN_FRAMES
    assert len(frames) >= 100 - 12_000 / 1920 - lost / 10


def test_other_sound_is_not_taken_for_timecode() -> None:
    for make in [
        lambda rng, n: rng.normal(0.0, 0.3, n),
        lambda rng, n: np.sin(2 * np.pi * 1000 / 48_000 * np.arange(n)),
        lambda rng, n: np.sign(np.sin(2 * np.pi * 2400 / 48_000 * np.arange(n))),
        lambda rng, n: np.zeros(n),
    ]:
        assert decode(make(np.random.default_rng(0), 2 * 48_000)) == [], make


def test_the_channel_with_timecode_is_taken_out_of_the_sound_and_timed_by_the_clock() -> None:
    tape = ltc_signal(FIRST, 30)
    music = np.linspace(-0.5, 0.5, tape.samples.size, dtype=np.float32)
    tap = LtcTap(48_000, lambda sample: 100.0 + sample / 48_000)
    first = 9600
    left = [
        tap.decode(np.stack([music, tape.samples], 1)[at : at + 480], first + at, 2)
        for at in range(0, tape.samples.size, 480)
    ]
    assert (np.concatenate(left) == music[:, None]).all(), "both channels carry the music"
    readings, starts = tap.take(), dict(zip(tape.labels, tape.starts, strict=True))
    for each in readings:
        start = starts[each.hours, each.minutes, each.seconds, each.frames]
        assert each.at_s == pytest.approx(100.0 + (first + start) / 48_000, abs=2e-5)
        assert each.frame_s == pytest.approx(0.04, rel=1e-3)
    assert len(readings) >= 27 and tap.take() == []
    four = np.ones((480, 4), np.float32)
    assert (tap.decode(four, 0, 3)[0] == [1, 1, 0, 1]).all()
    assert tap.decode(four, 0, 0) is four and tap.decode(four, 0, 5) is four
