"""Blocks, windows and lags in whole samples and whole hops, at every rate a device has."""

import pytest

from engine.errors import ModelError
from engine.models.rvc.grid import BlockGrid

RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_block_is_whole_hops_and_whole_samples(rate_hz: int) -> None:
    for block_ms in (20, 37, 100, 250, 1500):
        grid = BlockGrid.of(rate_hz, block_ms=block_ms, crossfade_ms=50, extra_ms=2500)
        assert grid.block * 100 == grid.block_hops * rate_hz
        away_ms = abs(grid.block_s * 1000.0 - block_ms)
        assert away_ms <= 5.0 * grid.grain_hops + 1e-9 or grid.block_hops == grid.grain_hops, (
            block_ms
        )
        for hops in (grid.grain_hops, grid.block_hops, grid.audible_hops, grid.window_hops):
            assert hops * rate_hz % 100 == 0
        assert (
            grid.samples(grid.audible_hops) - grid.grain
            < grid.block + grid.lag
            <= grid.samples(grid.audible_hops)
        )


def test_a_block_ends_at_the_same_hop_after_an_hour() -> None:
    grid = BlockGrid.of(22_050, block_ms=100, crossfade_ms=50, extra_ms=500)
    for number in (0, 1, 36_000):
        assert grid.end_hop(number * grid.block) == (number + 1) * grid.block_hops


def test_lengths_below_a_grain_become_one_and_a_rate_without_short_whole_blocks_is_refused() -> (
    None
):
    grid = BlockGrid.of(11_025, block_ms=20, crossfade_ms=0.0, extra_ms=1)
    assert (grid.block_hops, grid.extra_hops, grid.crossfade) == (4, 4, 1)
    for rate_hz in (0, -8000, 22_051):
        with pytest.raises(ModelError, match=f"at {rate_hz} Hz"):
            BlockGrid.of(rate_hz, block_ms=100, crossfade_ms=50, extra_ms=500)
