"""The hue of a layer from its pitch: clear tones move it, slowly and the shorter way; noise does not."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from engine.audio.analyser import Analyser
from engine.audio.pitch import HueGlide, pitch_hues, tone_share
from engine.audio.settings import AudioSettings
from engine.audio.spectrum import hann, power_spectrum

RATE_HZ = 48_000
FIRST_HZ = (261.63, 311.13, 369.99, 440.0)
FIRST_HUES = (0.0, 0.25, 0.5, -0.25)
AT_ONCE = AudioSettings(auto=(False,) * 4, hue_glide_ms=0.0, is_hue_circle=True)
GLIDING = AudioSettings(auto=(False,) * 4, hue_glide_ms=1500.0, is_hue_circle=True)
ALL = np.ones(4, bool)


def turns_apart(hue: float, other: float) -> float:
    return abs((hue - other + 0.5) % 1.0 - 0.5)


def hi_hat(seconds: float, seed: int = 1) -> np.ndarray:
    """White noise above 6 kHz in bursts of 40 ms, eight a second."""
    frames = round(seconds * RATE_HZ)
    bins = np.fft.rfft(np.random.default_rng(seed).standard_normal(frames))
    bins[: round(6000 * seconds)] = 0.0
    t = np.arange(frames) / RATE_HZ
    return (0.2 * np.fft.irfft(bins, frames) * np.exp(-(t % 0.125) / 0.04)).astype(np.float32)


def techno(seconds: float) -> np.ndarray:
    """126 beats a minute: a kick, a bass note on each sixteenth, hi-hats."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = t % (60 / 126)
    kick = np.sin(2 * np.pi * (48 * beat + 4.5 * (1 - np.exp(-beat / 0.03)))) * np.exp(-beat / 0.14)
    step_s = 60 / 126 / 4
    notes_hz = 55 * 2 ** (np.array([0, 3, 12, 0, 7, 5, 10, 1])[(t // step_s).astype(int) % 8] / 12)
    bass = np.sin(2 * np.pi * np.cumsum(notes_hz) / RATE_HZ) * np.exp(-(t % step_s) / 0.08)
    return (0.4 * kick + 0.3 * bass + hi_hat(seconds)).astype(np.float32)


def hues(analysis, channel: int = 0) -> np.ndarray:
    return np.array([hop[channel] for hop in analysis.hues])


def test_a_steady_tone_arrives_at_its_hue_the_short_way_round(sine, analyse) -> None:
    tone = sine(440.0 * 2 ** (-2 / 12), seconds=6.0)  # G: 7/12 of the way round, or 5/12 the other
    found = analyse(tone, tone, tone, tone, settings=GLIDING)
    for channel, first in enumerate(FIRST_HUES):
        way = np.array([turns_apart(hue, 7 / 12) for hue in hues(found, channel)])
        assert way[0] <= turns_apart(first, 7 / 12) + 1e-4 and (np.diff(way) <= 1e-9).all(), "never away from it"
        assert way[-1] < 0.02
        assert found.features.channels[channel].pitch_confidence > 0.95


def test_a_certain_hue_covers_63_percent_in_one_glide_time_at_any_hop() -> None:
    for hop_s in (0.005, 0.01):
        glide = HueGlide(hop_s, FIRST_HZ)
        for _ in range(100_000):  # steady, but still at the same hue
            if glide.follow(np.array(FIRST_HZ), np.ones(4), ALL, np.array(FIRST_HZ), 1e9, True)[1].min() > 1 - 1e-12:
                break
        heard_hz = np.array(FIRST_HZ) * 2 ** (0.01)  # a hundredth of a turn, so just as steady
        for _ in range(round(0.5 / hop_s)):
            now, confidence = glide.follow(heard_hz, np.ones(4), ALL, heard_hz, 500.0, True)
        assert confidence.min() > 0.99
        done = [turns_apart(hue, first) / 0.01 for hue, first in zip(now, FIRST_HUES, strict=True)]
        assert done == pytest.approx([1 - np.exp(-1)] * 4, abs=0.005)


def test_hi_hats_do_not_move_the_hue(analyse) -> None:
    noise = hi_hat(3.0)
    found = analyse(noise, noise, noise, noise, settings=GLIDING)
    for channel, first in enumerate(FIRST_HUES):
        assert max(turns_apart(hue, first) for hue in hues(found, channel)) < 0.005
    # For comparison: without glide it covers the whole circle.
    bare = hues(analyse(noise, noise, noise, noise, settings=AT_ONCE))
    assert np.ptp(bare) > 0.5


def test_silence_holds_the_hue_with_confidence_0(sine, analyse) -> None:
    sound = np.concatenate([sine(330.0, seconds=1.0), np.zeros(RATE_HZ, np.float32)])
    found = analyse(sound, sound, sound, sound, settings=GLIDING)
    assert hues(found)[-90] == hues(found)[-1]
    assert found.features.channels[0].pitch_confidence == 0.0


def test_the_hue_of_techno_changes_by_a_hundredth_a_frame_at_most(analyse) -> None:
    music = techno(4.0)
    frames = hues(analyse(music, music, music, music, settings=GLIDING))[100::3]  # 33 a second
    change = [turns_apart(one, other) for one, other in itertools.pairwise(frames)]
    bare = hues(analyse(music, music, music, music, settings=AT_ONCE))[100::3]
    bare_change = [turns_apart(one, other) for one, other in itertools.pairwise(bare)]
    assert max(change) < 0.01
    assert np.mean(change) < np.mean(bare_change) / 10


def test_with_less_than_a_full_hue_circle_the_hue_moves_between_its_ends() -> None:
    glide = HueGlide(0.01, FIRST_HZ)
    heard_hz = np.full(4, 261.63 * 2**0.45)
    for _ in range(3000):
        glide.follow(heard_hz, np.ones(4), ALL, heard_hz, 500.0, False)
    other_hz = np.full(4, 261.63 * 2**-0.45)
    seen = [glide.follow(other_hz, np.ones(4), ALL, other_hz, 500.0, False)[0][0] for _ in range(3000)]
    assert np.abs(np.diff(seen)).max() < 0.02 and seen[-1] == pytest.approx(-0.45, abs=0.01)
    assert min(np.abs(seen)) < 0.02, "through the middle"


def test_a_tone_has_all_of_the_power_a_chord_a_part_and_noise_hardly_any(sine) -> None:
    n = 4096
    tone = sine(1000.0)[:n]
    chord = sum(sine(hz)[:n] for hz in (220.0, 277.2, 329.6, 440.0))
    noise = np.random.default_rng(2).standard_normal(n).astype(np.float32)
    power = power_spectrum(np.stack([tone, chord, noise, np.zeros(n, np.float32)]), hann(n))
    shares = tone_share(power, np.array([1000.0, 220.0, 5000.0, 440.0]), RATE_HZ)
    assert shares[0] > 0.99 and 0.2 < shares[1] < 0.35 and shares[2] < 0.03 and shares[3] == 0.0


def test_hues_are_positions_in_the_octave_around_c() -> None:
    assert pitch_hues(np.array(FIRST_HZ)) == pytest.approx(FIRST_HUES, abs=1e-4)


def test_an_outgoing_look_keeps_its_glide_while_the_new_one_has_none(sine) -> None:
    first, second = (sine(hz, seconds=2.0) for hz in (261.63, 369.99))
    analyser = Analyser(RATE_HZ, 4)
    sound = np.repeat(np.concatenate([first, second])[:, None], 4, axis=1).astype(np.float32)
    hops = len(sound) // analyser.hop_frames
    slow = replace(GLIDING, hue_glide_ms=60_000.0)
    for hop in range(hops):
        block = sound[hop * analyser.hop_frames : (hop + 1) * analyser.hop_frames]
        is_fading = hop >= hops // 2
        analyser.hop(block, replace(AT_ONCE, leaving=slow) if is_fading else slow)
    assert analyser.features(slow).leaving_channels is None
    found = analyser.features(replace(AT_ONCE, leaving=slow))
    assert all(turns_apart(channel.hue, 0.5) < 0.02 for channel in found.channels)
    for channel, hue in zip(found.leaving_channels, FIRST_HUES, strict=True):
        assert turns_apart(channel.hue, hue) < 0.05, "2 s into a glide of a minute"
