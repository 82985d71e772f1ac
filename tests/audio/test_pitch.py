"""Pitch, and the hue of a layer from it: clear tones move it, slowly and the shorter way; noise
does not."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from engine.audio.analyser import Analyser
from engine.audio.pitch import strongest_hz
from engine.audio.settings import AudioSettings
from engine.audio.spectrum import hann, power_spectrum, spectrum_frames

FIRST = (261.63, 311.13, 369.99, 440.0)


def cents(hz: float, true_hz: float) -> float:
    return abs(1200 * np.log2(hz / true_hz))


def detect_hz(hz: float, rate_hz: int, phase: float = 0.0) -> float:
    frames = spectrum_frames(rate_hz)
    tone = (0.5 * np.sin(2 * np.pi * hz * np.arange(frames) / rate_hz + phase)).astype(np.float32)
    return float(strongest_hz(power_spectrum(tone[None], hann(frames)), rate_hz)[0])


def test_tones_are_measured_within_3_cents_from_110_hz_up_and_12_below() -> None:
    for rate_hz in [44_100, 48_000, 96_000]:
        for hz in np.geomspace(55.0, 8000.0, 150):
            for phase in (0.0, 1.0, 2.5):
                assert cents(detect_hz(hz, rate_hz, phase), hz) < (3.0 if hz >= 110 else 12.0), (
                    f"{hz} Hz"
                )


def test_before_any_sound_the_channels_have_four_hues_and_then_each_its_own_pitch(
    analyse, sine
) -> None:
    silence = np.zeros(4800)
    features = analyse(silence, silence, silence, silence).features
    assert tuple(channel.pitch_hz for channel in features.channels) == pytest.approx(FIRST)
    tones = (110.0, 440.0, 1000.0, 5000.0)
    features = analyse(*(sine(hz) for hz in tones)).features
    for channel, hz in zip(features.channels, tones, strict=True):
        assert cents(channel.pitch_hz, hz) < 3.0


def test_pitch_is_held_in_a_pause_and_under_60_db_below_full_scale(sine, analyse) -> None:
    above, below = 1.1e-3 * np.sqrt(2), 0.9e-3 * np.sqrt(2)  # RMS around -60 dBFS
    features = analyse(
        *(sine(1000.0, amplitude=level) for level in (above, below, 0.5, 1e-9))
    ).features
    pitches = [channel.pitch_hz for channel in features.channels]
    assert pitches == pytest.approx([1000.0, FIRST[1], 1000.0, FIRST[3]], rel=1e-3)
    sound = np.concatenate([sine(880.0), np.zeros(48_000, np.float32)])
    features = analyse(sound, sound, sound, sound).features
    assert cents(features.channels[2].pitch_hz, 880.0) < 3.0
    assert features.channels[2].rms == 0.0


RATE_HZ = 48_000
FIRST_HZ = (261.63, 311.13, 369.99, 440.0)
FIRST_HUES = (0.0, 0.25, 0.5, -0.25)
AT_ONCE = AudioSettings(auto=(False,) * 4, hue_glide_ms=0.0, is_hue_circle=True)
GLIDING = AudioSettings(auto=(False,) * 4, hue_glide_ms=1500.0, is_hue_circle=True)
ALL = np.ones(4, bool)


def turns_apart(hue: float, other: float) -> float:
    return abs((hue - other + 0.5) % 1.0 - 0.5)


def hi_hat(seconds: float, seed: int = 1) -> np.ndarray:
    """White noise above 6 kHz in bursts of 40 ms, eight per second."""
    frames = round(seconds * RATE_HZ)
    bins = np.fft.rfft(np.random.default_rng(seed).standard_normal(frames))
    bins[: round(6000 * seconds)] = 0.0
    t = np.arange(frames) / RATE_HZ
    return (0.2 * np.fft.irfft(bins, frames) * np.exp(-(t % 0.125) / 0.04)).astype(np.float32)


def techno(seconds: float) -> np.ndarray:
    """126 beats per minute: a kick, a bass note on each sixteenth, hi-hats."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = t % (60 / 126)
    kick = np.sin(2 * np.pi * (48 * beat + 4.5 * (1 - np.exp(-beat / 0.03)))) * np.exp(-beat / 0.14)
    step_s = 60 / 126 / 4
    notes_hz = 55 * 2 ** (np.array([0, 3, 12, 0, 7, 5, 10, 1])[(t // step_s).astype(int) % 8] / 12)
    bass = np.sin(2 * np.pi * np.cumsum(notes_hz) / RATE_HZ) * np.exp(-(t % step_s) / 0.08)
    return (0.4 * kick + 0.3 * bass + hi_hat(seconds)).astype(np.float32)


def test_a_steady_tone_arrives_at_its_hue_the_short_way_round(sine, analyse) -> None:
    tone = sine(440.0 * 2 ** (-2 / 12), seconds=6.0)  # G: 7/12 of the way round, or 5/12 the other
    found = analyse(tone, tone, tone, tone, settings=GLIDING)
    for channel, first in enumerate(FIRST_HUES):
        way = np.array([turns_apart(hue, 7 / 12) for hue in found.of(channel, "hue")])
        assert way[0] <= turns_apart(first, 7 / 12) + 1e-4 and (np.diff(way) <= 1e-9).all(), (
            "never away from it"
        )
        assert way[-1] < 0.02
        assert found.features.channels[channel].pitch_confidence > 0.95


def test_the_hue_of_techno_hardly_changes_and_hi_hats_and_silence_hold_it(analyse, sine) -> None:
    tone = np.concatenate([sine(330.0, seconds=1.0), np.zeros(3 * RATE_HZ, np.float32)])
    sounds = techno(4.0), hi_hat(4.0), tone, hi_hat(4.0, seed=2)
    found, bare = (analyse(*sounds, settings=settings) for settings in (GLIDING, AT_ONCE))
    for channel in (1, 3):
        assert (
            max(turns_apart(hue, FIRST_HUES[channel]) for hue in found.of(channel, "hue")) < 0.005
        )
        assert np.ptp(bare.of(channel, "hue")) > 0.5, "without glide it covers the whole circle"
    assert found.of(2, "hue")[-90] == found.of(2, "hue")[-1]
    assert found.features.channels[2].pitch_confidence == 0.0
    change, bare_change = (
        [turns_apart(*pair) for pair in itertools.pairwise(each.of(0, "hue")[100::3])]
        for each in (found, bare)
    )  # 33 per second
    assert max(change) < 0.01
    assert np.mean(change) < np.mean(bare_change) / 10


def test_an_outgoing_look_keeps_its_glide_while_the_new_one_has_none(sine) -> None:
    first, second = (sine(hz, seconds=2.0) for hz in (261.63, 369.99))
    analyser = Analyser(RATE_HZ)
    sound = np.repeat(np.concatenate([first, second])[:, None], 4, axis=1).astype(np.float32)
    hops, slow = len(sound) // analyser.hop_frames, replace(GLIDING, hue_glide_ms=60_000.0)
    for hop in range(hops):
        block = sound[hop * analyser.hop_frames : (hop + 1) * analyser.hop_frames]
        is_fading = hop >= hops // 2
        analyser.hop(block, replace(AT_ONCE, outgoing=slow) if is_fading else slow)
    assert analyser.features(slow).outgoing_channels is None
    found = analyser.features(replace(AT_ONCE, outgoing=slow))
    assert all(turns_apart(channel.hue, 0.5) < 0.02 for channel in found.channels)
    for channel, hue in zip(found.outgoing_channels, FIRST_HUES, strict=True):
        assert turns_apart(channel.hue, hue) < 0.05, "2 s into a glide of a minute"
    later = replace(slow, outgoing=slow, outgoing_deck=1)
    analyser.hop(block, later)
    interrupting = analyser.features(later).outgoing_channels
    assert all(turns_apart(channel.hue, 0.5) < 0.02 for channel in interrupting), (
        "the look on screen keeps its hue"
    )
