"""Levels and bands, which drive the modulation."""

import pytest

from engine.audio.settings import AudioSettings


def bands(features, channel: int = 0) -> tuple[float, float, float]:
    of = features.channels[channel]
    return of.low, of.mid, of.high


def test_a_full_scale_sine_reads_0_7071_in_its_own_band_at_any_rate(sine, analyse) -> None:
    for hz, own in ((60.0, 0), (150.0, 0), (700.0, 1), (3000.0, 1), (6000.0, 2), (15_000.0, 2)):
        tone = sine(hz, seconds=0.5, amplitude=1.0)
        measured = bands(analyse(tone, tone, tone, tone).features)
        assert measured[own] == pytest.approx(0.7071, rel=0.01), f"{hz} Hz"
        assert max(measured[:own] + measured[own + 1 :]) < 0.002, f"{hz} Hz"
    tone = sine(3900.0, amplitude=1.0, rate_hz=8000)
    _, mid, high = bands(analyse(tone, tone, tone, tone, rate_hz=8000).features)
    assert mid == pytest.approx(0.7071, rel=0.02)
    assert high == 0.0


def test_rms_and_peak_of_a_sine_are_after_gain(sine, analyse) -> None:
    channels = analyse(
        *[sine(1000.0, amplitude=level) for level in (1.0, 0.5, 0.1, 0.001)]
    ).features.channels
    assert [channel.peak for channel in channels] == pytest.approx([1.0, 0.5, 0.1, 0.001], rel=1e-3)
    assert [channel.rms for channel in channels] == pytest.approx(
        [0.7071, 0.35355, 0.07071, 0.0007071], rel=1e-3
    )
    settings = AudioSettings(auto=(False,) * 4, gain_db=(0.0, 6.0206, -6.0206, 20.0))
    tone = sine(100.0, amplitude=0.25)
    channels = analyse(tone, tone, tone, tone, settings=settings).features.channels
    assert [channel.peak for channel in channels] == pytest.approx(
        [0.25, 0.5, 0.125, 2.5], rel=1e-3
    )
    assert channels[1].low == pytest.approx(2 * channels[0].low, rel=1e-3)
    assert channels[1].envelope == pytest.approx(2 * channels[0].envelope, rel=1e-3)
    assert [channel.gain_db for channel in channels] == pytest.approx([0.0, 6.0206, -6.0206, 20.0])
