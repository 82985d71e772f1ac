"""A stream's windows equal the whole sound: resampled to 16 kHz, and its pitch."""

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.models.rvc.grid import BlockGrid
from engine.models.rvc.resample import Resampler
from engine.models.rvc.stream import RATE_HZ, InputWindow, PitchCache
from tests.models.rvc.streaming import level_db, spoken

CPU = torch.device("cpu")
HOP = 160


def window_after(blocks: int, grid: BlockGrid, sound: np.ndarray) -> np.ndarray:
    window = InputWindow(grid, RATE_HZ // 2, CPU)
    for number in range(blocks):
        block = sound[number * grid.block : (number + 1) * grid.block]
        window.push(torch.from_numpy(block)[None], -60.0, lambda stage_name: None)
    return window.sound[0].numpy()


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000, 192000])
def test_input_in_blocks_equals_the_whole_sound_except_its_last_4_ms(rate_hz: int) -> None:
    grid = BlockGrid.of(rate_hz, block_ms=40, crossfade_ms=10, extra_ms=50)
    sound = spoken(rate_hz, 1.2)
    blocks = len(sound) // grid.block
    resampled = window_after(blocks, grid, sound)
    whole = Resampler(rate_hz, RATE_HZ, CPU)(torch.from_numpy(sound)[None])[0].numpy()
    end = blocks * grid.block_hops * 160
    expected = whole[end - len(resampled) : end]
    settled = slice(0, -64)  # 32 crossings at 8 kHz
    assert np.abs(resampled[settled] - expected[settled]).max() < 1e-5
    assert level_db(resampled - expected) < level_db(expected) - 10.0


class Recorder:
    """A tracker for sounds with their pitch in the first sample of each hop; wrong with less than
    60 ms of context."""

    name = "written"
    networks: tuple[torch.nn.Module, ...] = ()

    def __init__(self, frame_multiple: int) -> None:
        self.frame_multiple = frame_multiple
        self.lengths: list[int] = []

    def track(self, sound: Tensor) -> Tensor:
        self.lengths.append(sound.shape[1])
        found = sound[:, ::HOP].clone()
        found[:, :3] = -1.0
        return found


def pitch_after_each_block(
    cache: PitchCache, sound: Tensor, block_hops: int, cached: int
) -> list[Tensor]:
    padded = torch.nn.functional.pad(sound, (cached, 0))
    ends = range(block_hops * HOP, sound.shape[1] + 1, block_hops * HOP)
    return [cache.update(padded[:, end : end + cached]).clone() for end in ends]


@pytest.mark.parametrize("multiple", [160, 5120])
@pytest.mark.parametrize(("block_hops", "window_hops"), [(2, 9), (10, 60), (25, 40), (150, 200)])
def test_every_hop_of_the_window_has_its_own_pitch(
    multiple: int, block_hops: int, window_hops: int
) -> None:
    tracker = Recorder(multiple)
    cache = PitchCache(tracker, block_hops, window_hops, CPU)
    written = torch.arange(1.0, 601.0)
    sound = written.repeat_interleave(HOP)[None]
    for number, found in enumerate(
        pitch_after_each_block(cache, sound, block_hops, cache.samples), start=1
    ):
        end = number * block_hops
        expected = torch.nn.functional.pad(written, (window_hops, 0))[end : end + window_hops]
        assert found.shape == (1, window_hops)
        assert torch.equal(found[0], expected)
    assert set(tracker.lengths) == {cache.samples}
    assert cache.samples % multiple == 0
    assert cache.samples >= block_hops * HOP + 800


def test_nan_counts_as_unvoiced_and_a_reset_forgets() -> None:
    cache = PitchCache(Recorder(160), 10, 60, CPU)
    assert not cache.update(torch.full((1, 4000), torch.nan)).isnan().any()
    cache.update(torch.ones(1, 4000))
    cache.reset()
    assert not cache.values.any()
