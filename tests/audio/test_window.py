"""The wave of a layer."""

import numpy as np
import pytest

from engine.audio.window import History, WaveWindow

RATE_HZ = 48_000
OFF = ("off",) * 4
RISING = ("rising",) * 4
ONES = (1.0,) * 4


def wave_of(
    sound: np.ndarray,
    window_ms: float,
    ratios: tuple[float, ...] = ONES,
    width_px: int = 1280,
    trigger: tuple[str, ...] = OFF,
    rate_hz: int = RATE_HZ,
) -> np.ndarray:
    """(1024,) first channel's wave after `sound` (frames,)."""
    history = History(rate_hz)
    for block in np.array_split(sound.astype(np.float32), max(1, len(sound) // 480)):
        history.append(np.repeat(block[None], 4, axis=0))
    return WaveWindow(rate_hz).cut(history, window_ms, ratios, width_px, trigger)[0]


def cycles(wave: np.ndarray) -> int:
    """Number of cycles of the wave's strongest component."""
    return int(np.argmax(np.abs(np.fft.rfft(wave))[1:]) + 1)


def test_only_the_latest_window_is_shown_point_by_point_oldest_first() -> None:
    wave = wave_of(np.linspace(-1.0, 1.0, RATE_HZ), window_ms=1000.0)
    assert np.all(np.diff(wave) > 0)
    assert wave[0] == pytest.approx(-1.0, abs=0.002)
    assert wave[-1] == pytest.approx(1.0, abs=0.002)
    sound = np.concatenate([np.full(RATE_HZ, 0.9), np.full(2400, -0.5)])
    assert np.allclose(wave_of(sound, window_ms=50.0), -0.5)
    points = wave_of(sound, window_ms=100.0)
    assert np.allclose(points[:511], 0.9)
    assert np.allclose(points[513:], -0.5)
    rate_hz = 1024 * 16  # a window of 1000 ms: sixteen samples a point
    sound = np.random.default_rng(3).uniform(-1, 1, rate_hz + 500).astype(np.float32)
    expected = sound[-rate_hz:].reshape(1024, 16).mean(axis=1)
    assert np.allclose(wave_of(sound, window_ms=1000.0, rate_hz=rate_hz), expected, atol=1e-6)


def test_a_long_window_is_grey_without_aliasing_and_keeps_the_height_of_a_slow_tone(sine) -> None:
    sound = sine(997.0, seconds=2.0, amplitude=1.0)
    naive = sound[-RATE_HZ:][np.arange(1024) * RATE_HZ // 1024]
    assert cycles(naive) == 27
    assert naive.std() > 0.7
    assert wave_of(sound, window_ms=1000.0).std() < 0.02
    wave = wave_of(sine(20.0, seconds=2.0, amplitude=1.0), window_ms=1000.0)
    assert cycles(wave) == 20
    assert wave.max() == pytest.approx(1.0, abs=0.001)
    # 80 cycles in 50 ms: at ratio 16 a picture of 640 pixels would have to show 1280.
    sound = sine(1600.0, seconds=1.0, amplitude=1.0)
    assert wave_of(sound, 50.0, ratios=ONES, width_px=640).std() > 0.68
    assert wave_of(sound, 50.0, ratios=(16.0,) * 4, width_px=640)[20:-20].std() < 0.02


def test_a_triggered_tone_stands_still_at_the_newest_crossing_that_leaves_a_full_window(
    sine,
) -> None:
    sound = sine(313.0, seconds=1.0)
    waves = [wave_of(sound[: 40_000 + shift], 20.0, trigger=RISING) for shift in (0, 111, 480, 777)]
    for wave in waves[1:]:
        assert np.allclose(wave, waves[0], atol=0.002)
    assert waves[0][0] == pytest.approx(0.0, abs=0.03)
    assert waves[0][10] > waves[0][0]
    free = [wave_of(sound[: 40_000 + shift], 20.0) for shift in (0, 111)]
    assert not np.allclose(free[0], free[1], atol=0.1)
    # a period is 480 samples; the last one is incomplete
    sound = sine(100.0, seconds=1.0)[: 480 * 90 + 100]
    one_period = 0.5 * np.sin(2 * np.pi * (np.arange(1024) + 0.5) / 1024)
    assert np.allclose(wave_of(sound, window_ms=10.0, trigger=RISING), one_period, atol=0.001)
    assert np.allclose(
        wave_of(sound, window_ms=10.0), np.roll(one_period, -round(100 / 480 * 1024)), atol=0.01
    )


def test_samples_and_sums_stay_exact_after_many_slides_and_begin_with_silence() -> None:
    history, rng = History(1000), np.random.default_rng(1)
    sound = rng.uniform(-1, 1, (4, 30_000)).astype(np.float32) + np.float32(0.25)
    for first in range(0, 30_000, 10):
        history.append(sound[:, first : first + 10])
    assert np.array_equal(history.latest(1300), sound[:, -1300:])
    for frames in (1, 7, 1299):
        summed = history.sums[:, history.end] - history.sums[:, history.end - frames]
        assert summed == pytest.approx(sound[:, -frames:].sum(axis=1, dtype=np.float64), abs=1e-9)
    assert np.abs(history.sums[:, : history.end + 1]).max() < 5200  # would not grow in a day either
    history = History(48_000)
    history.append(np.ones((4, 480), np.float32))
    assert history.latest(4096)[:, :-480].max() == 0.0
    assert history.latest(480).min() == 1.0
