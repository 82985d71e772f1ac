"""The stream's input window equals the whole sound resampled to 16 kHz."""

import numpy as np
import pytest
import torch

from engine.models.rvc.grid import BlockGrid
from engine.models.rvc.resample import Resampler
from engine.models.rvc.stream import RATE_HZ, InputWindow
from tests.models.rvc.streaming import level_db, spoken

CPU = torch.device("cpu")


def heard_after(blocks: int, grid: BlockGrid, sound: np.ndarray, threshold_db: float = -60.0) -> np.ndarray:
    heard = InputWindow(grid, RATE_HZ // 2, CPU)
    for number in range(blocks):
        block = sound[number * grid.block : (number + 1) * grid.block]
        heard.follow(torch.from_numpy(block)[None], threshold_db, lambda stage: None)
    return heard.sound[0].numpy()


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000, 192000])
def test_input_in_blocks_equals_the_whole_sound_except_its_last_4_ms(rate_hz: int) -> None:
    grid = BlockGrid.of(rate_hz, block_ms=40, crossfade_ms=10, extra_ms=50)
    sound = spoken(rate_hz, 1.2)
    blocks = len(sound) // grid.block
    heard = heard_after(blocks, grid, sound)
    whole = Resampler(rate_hz, RATE_HZ, CPU)(torch.from_numpy(sound)[None])[0].numpy()
    end = blocks * grid.block_hops * 160
    expected = whole[end - len(heard) : end]
    settled = slice(0, -64)  # 32 crossings at 8 kHz
    assert np.abs(heard[settled] - expected[settled]).max() < 1e-5
    assert level_db(heard - expected) < level_db(expected) - 10.0


def test_input_under_the_threshold_is_silenced() -> None:
    grid = BlockGrid.of(48_000, block_ms=100, crossfade_ms=50, extra_ms=500)
    soft = spoken(48_000, 1.0) * 0.01  # -60 dBFS
    assert not heard_after(10, grid, soft, threshold_db=-50.0).any()
    assert heard_after(10, grid, soft, threshold_db=-60.0).any()


def test_a_reset_leaves_silence() -> None:
    grid = BlockGrid.of(44_100, block_ms=20, crossfade_ms=10, extra_ms=50)
    heard = InputWindow(grid, 1600, CPU)
    heard.follow(torch.ones(1, grid.block), -60.0, lambda stage: None)
    heard.reset()
    heard.follow(torch.zeros(1, grid.block), -60.0, lambda stage: None)
    assert not heard.sound.any()
