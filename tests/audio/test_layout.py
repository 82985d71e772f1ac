"""The mapping of source channels to layers."""

import numpy as np
import pytest

from engine.audio.layout import (
    CROSSOVERS_HZ,
    BandSplitter,
    ChannelLayout,
    band_responses,
    resolve_layout,
)

RATE_HZ = 48_000
MAP = (1, 2, 3, 4)


def spread(
    block: np.ndarray, layout: str, channel_map: tuple[int, ...] = MAP, rate_hz: int = RATE_HZ
) -> np.ndarray:
    return layout_of(rate_hz, len(block)).spread(block, layout, channel_map)


def layout_of(rate_hz: int, frames: int) -> ChannelLayout:
    return ChannelLayout(rate_hz, frames, lambda key, line: None, may_wait=True)


def settled(sound: np.ndarray) -> np.ndarray:
    """RMS of each row without the first tenth, where filters settle."""
    return np.sqrt((sound[:, sound.shape[1] // 10 :] ** 2).mean(axis=1))


def columns(count: int, frames: int = 480) -> np.ndarray:
    return np.repeat(np.arange(1, count + 1, dtype=np.float32)[None] / 100, frames, axis=0)


def test_direct_stereo_and_mono_give_each_layer_its_channel_or_band(sine) -> None:
    for channels, layout in [
        (1, "mono"),
        (2, "stereo"),
        (3, "stereo"),
        (4, "direct"),
        (64, "direct"),
    ]:
        assert resolve_layout("auto", channels, False) == layout, channels
        assert resolve_layout("mono", channels, True) == "mono", channels
        assert resolve_layout("auto", channels, True) == layout.replace("stereo", "stems"), channels
    assert spread(columns(6), "direct", (6, 1, 1, 3))[:, 0] == pytest.approx(
        [0.06, 0.01, 0.01, 0.03]
    )
    assert spread(columns(2), "direct", (2, 3, 64, 1))[:, 0] == pytest.approx(
        [0.02, 0.0, 0.0, 0.01]
    )
    left, right = sine(60.0) + sine(700.0), sine(9000.0)
    rows = settled(spread(np.stack([left, right], axis=1), "stereo"))
    assert rows == pytest.approx([0.5, 0.35355, 0.35355 / 2, 0.35355 / 2], rel=0.03)
    rows = settled(spread((sine(60.0) + sine(9000.0))[:, None], "stereo"))
    assert rows == pytest.approx([0.5, 0.5, 0.35355, 0.35355], rel=0.03)
    for hz, own in [(60.0, 0), (500.0, 1), (2000.0, 2), (9000.0, 3)]:
        levels = settled(spread(np.stack([sine(hz), sine(hz)], axis=1), "mono"))
        assert levels[own] == pytest.approx(0.35355, rel=0.15), hz
        assert np.delete(levels, own).max() < 0.1 * levels[own], hz


def test_bands_meet_at_6_db_and_fall_by_24_db_an_octave_and_the_convolution_equals_the_filter(
    sine,
) -> None:
    size = 48_000
    for band, crossover_hz in enumerate(CROSSOVERS_HZ):
        meeting = np.abs(band_responses(RATE_HZ, size)[band : band + 2, round(crossover_hz)])
        assert meeting == pytest.approx([0.5, 0.5], abs=0.01)
    low, high = np.abs(band_responses(RATE_HZ, size)[[0, 3]])
    assert 20 * np.log10(low[2000] / low[1000]) == pytest.approx(-24.0, abs=0.5)
    assert 20 * np.log10(high[1000] / high[500]) == pytest.approx(24.0, abs=0.5)
    sound = np.random.default_rng(8).uniform(-1, 1, 4800).astype(np.float32)
    splitter = BandSplitter(RATE_HZ, 480)
    blocks = [
        splitter.split(sound[first : first + 480], (0, 1, 2, 3)) for first in range(0, 4800, 480)
    ]
    size = 1 << 17  # long enough to hold sound and ringing without wrapping
    exact = np.fft.irfft(np.fft.rfft(sound, size) * band_responses(RATE_HZ, size), size)[:, :4800]
    assert np.abs(np.concatenate(blocks, axis=1) - exact).max() < 1e-6


def test_auto_splits_stereo_music_into_stems_until_both_channels_play_the_same_for_3_s(
    sine,
) -> None:
    left, right, silence = sine(300.0, 0.01), sine(1200.0, 0.01), np.zeros(480, np.float32)
    layout = layout_of(RATE_HZ, 480)

    def is_split(left: np.ndarray, right: np.ndarray) -> bool:
        """Left is not left alone."""
        return not np.array_equal(
            layout.spread(np.stack([left, right], axis=1), "auto", MAP)[0], left
        )

    same, one, music = (left, left), (left, silence), (left, right)
    assert [is_split(*pair) for pair in (same, one, same, music)] == [False, False, False, True]
    for _ in range(400):
        is_split(silence, silence)
    assert [is_split(*same) for _ in range(300)].index(False) == 299
    assert is_split(*music) and is_split(*one)
