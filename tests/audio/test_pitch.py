"""Pitch, which gives a tone its colour."""

import numpy as np
import pytest

from engine.audio.pitch import PitchFollower, strongest_hz
from engine.audio.spectrum import hann, power_spectrum, spectrum_frames

FIRST = (261.63, 311.13, 369.99, 440.0)


def cents(hz: float, true_hz: float) -> float:
    return abs(1200 * np.log2(hz / true_hz))


def heard(hz: float, rate_hz: int, phase: float = 0.0) -> float:
    frames = spectrum_frames(rate_hz)
    tone = (0.5 * np.sin(2 * np.pi * hz * np.arange(frames) / rate_hz + phase)).astype(np.float32)
    return float(strongest_hz(power_spectrum(tone[None], hann(frames)), rate_hz)[0])


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_tones_are_heard_within_3_cents_from_110_hz_up_and_12_below(rate_hz) -> None:
    for hz in np.geomspace(55.0, 8000.0, 150):
        for phase in (0.0, 1.0, 2.5):
            assert cents(heard(hz, rate_hz, phase), hz) < (3.0 if hz >= 110 else 12.0), f"{hz} Hz"


def test_the_spectrum_lasts_4096_samples_at_48_khz_and_as_long_at_other_rates() -> None:
    assert [spectrum_frames(rate) for rate in (44_100, 48_000)] == [4096, 4096]
    assert [spectrum_frames(rate) for rate in (8000, 22_050, 96_000, 192_000)] == [1024, 2048, 8192, 16_384]


def test_a_tone_is_heard_at_any_sample_rate(sine, analyse) -> None:
    for rate_hz in (8000, 11_025, 96_000, 192_000):
        tone = sine(440.0, seconds=0.6, rate_hz=rate_hz)
        features = analyse(tone, tone, tone, tone, rate_hz=rate_hz).features
        assert cents(features.channels[0].pitch_hz, 440.0) < 3.0


def test_before_any_sound_the_four_channels_have_four_hues(analyse) -> None:
    silence = np.zeros(4800)
    features = analyse(silence, silence, silence, silence).features
    assert tuple(channel.pitch_hz for channel in features.channels) == pytest.approx(FIRST)


def test_each_channel_has_its_own_pitch(sine, analyse) -> None:
    tones = (110.0, 440.0, 1000.0, 5000.0)
    features = analyse(*(sine(hz) for hz in tones)).features
    for channel, hz in zip(features.channels, tones, strict=True):
        assert cents(channel.pitch_hz, hz) < 3.0


def test_pitch_is_held_under_60_db_below_full_scale(sine, analyse) -> None:
    above, below = 1.1e-3 * np.sqrt(2), 0.9e-3 * np.sqrt(2)  # RMS around -60 dBFS
    features = analyse(*(sine(1000.0, amplitude=level) for level in (above, below, 0.5, 1e-9))).features
    pitches = [channel.pitch_hz for channel in features.channels]
    assert pitches == pytest.approx([1000.0, FIRST[1], 1000.0, FIRST[3]], rel=1e-3)


def test_the_last_pitch_is_held_in_a_pause_and_does_not_slip_as_the_note_ends(sine, analyse) -> None:
    sound = np.concatenate([sine(880.0), np.zeros(48_000, np.float32)])
    features = analyse(sound, sound, sound, sound).features
    assert cents(features.channels[2].pitch_hz, 880.0) < 3.0
    assert features.channels[2].rms == 0.0


@pytest.mark.parametrize("hop_s", [0.001, 0.005, 0.01])
def test_pitch_goes_63_percent_of_the_way_in_50_ms_whatever_the_hop(hop_s) -> None:
    tracker = PitchFollower(hop_s)
    for _ in range(round(0.05 / hop_s)):
        pitch_hz = tracker.follow(np.full(4, 880.0), np.ones(4, bool))
    octaves = np.log2(pitch_hz / FIRST) / np.log2(880.0 / np.array(FIRST))
    assert octaves == pytest.approx(np.full(4, 1 - np.exp(-1)), abs=1e-9)


def test_an_octave_jump_passes_through_the_middle_in_octaves_not_in_hz() -> None:
    tracker = PitchFollower(0.05 * np.log(2))  # one step covers half the distance
    tracker.follow(np.full(4, 440.0), np.ones(4, bool))
    for _ in range(60):
        tracker.follow(np.full(4, 200.0), np.ones(4, bool))
    assert tracker.follow(np.full(4, 800.0), np.ones(4, bool)) == pytest.approx(np.full(4, 400.0))
