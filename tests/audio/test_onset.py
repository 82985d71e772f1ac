"""Onset detection."""

import numpy as np

from engine.audio.onset import OnsetDetector

RATE_HZ = 48_000


def clicks(every: int, count: int, first: int = 5000) -> np.ndarray:
    sound = np.zeros(first + every * count, np.float32)
    sound[first + every * np.arange(count)] = 0.8
    return sound


def test_clicks_are_counted_exactly_and_detected_within_two_hops(analyse) -> None:
    for every, count in [(3600, 20), (12_000, 10), (24_000, 5)]:
        train = clicks(every, count)
        analysis = analyse(train, train * 0.1, train, train)
        assert analysis.onset_counts == [count] * 4, every
        for hop, at in zip(
            np.flatnonzero(analysis.of(0, "onset")), 5000 + every * np.arange(count), strict=True
        ):
            assert at // 480 <= hop <= at // 480 + 2


def test_a_tone_noise_beating_and_vibrato_are_one_onset_each(sine, analyse) -> None:
    tones = [
        np.concatenate([np.zeros(4800, np.float32), sine(hz, seconds=3.0)])
        for hz in (47.3, 110, 440, 5000)
    ]
    analysis = analyse(*tones)
    assert analysis.onset_counts == [1, 1, 1, 1]
    assert all(10 <= np.flatnonzero(analysis.of(channel, "onset"))[0] <= 12 for channel in range(4))
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    noise = 0.1 * np.random.default_rng(5).standard_normal(len(t))
    beating = 0.25 * np.sin(2 * np.pi * 220 * t) + 0.25 * np.sin(2 * np.pi * 223 * t)
    vibrato = 0.5 * np.sin(2 * np.pi * 440 * t + 2.0 * np.sin(2 * np.pi * 5 * t))
    glide = 0.4 * np.sin(2 * np.pi * np.cumsum(np.geomspace(60, 2000, len(t))) / RATE_HZ)
    assert analyse(noise, beating, vibrato, glide).onset_counts == [1, 1, 1, 1]


def test_notes_on_a_sounding_chord_in_noise_are_counted_with_a_strength_of_a_half_to_one(
    analyse,
) -> None:
    t = np.arange(6 * RATE_HZ) / RATE_HZ
    note = t % 0.48
    kick = (
        0.6
        * np.exp(-note / 0.12)
        * np.sin(2 * np.pi * (50 * note + 3.3 * (1 - np.exp(-note / 0.03))))
    )
    chord = 0.2 * np.sin(2 * np.pi * 220 * t) + 0.1 * np.sin(2 * np.pi * 277 * t)
    noise = 0.02 * np.random.default_rng(6).standard_normal(len(t))
    arpeggio = 0.5 * np.exp(-(t % 0.12) / 0.08) * np.sin(2 * np.pi * 440 * t)
    analysis = analyse(kick, kick + chord + noise, arpeggio, noise * 0.01)
    assert analysis.onset_counts == [13, 13, 50, 0]
    for channel in range(4):
        assert all(
            strength == 0.0 or 0.5 <= strength <= 1.0 for strength in analysis.of(channel, "onset")
        )


def onset_hops(flux: list[float]) -> list[int]:
    """Hops with an onset when each hop but the silent ones (0) grows from silence by `flux`."""
    detector, found = OnsetDetector(bands=4, hop_s=0.01), []
    for hop, growth in enumerate(flux):
        level = np.full((4, 4), np.expm1(growth) / 1000, np.float32)
        if detector.step(level, np.ones(4), np.ones(4, bool))[0]:
            found.append(hop)
        detector.step(np.zeros((4, 4), np.float32), np.ones(4), np.ones(4, bool))
    return [2 * hop for hop in found]


def test_onsets_are_50_ms_apart_and_a_strong_one_masks_a_weak_one_right_after_it() -> None:
    assert onset_hops([0.0, 2.0, 0.0, 0.0, 0.2]) == [2]
    assert onset_hops([0.0, 2.0, *[0.0] * 20, 0.2]) == [2, 44]
    assert onset_hops([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]) == [0, 6, 12]
