"""Joins: sounds cut into shifted blocks and put together without a seam."""

import numpy as np
import pytest
import torch

from engine.models.rvc.sola import Sola

BLOCK, CROSSFADE, SEARCH = 1000, 400, 100
CPU = torch.device("cpu")


def joined(
    sola: Sola, sound: np.ndarray, moved: list[int], block: int, overlap: int
) -> tuple[np.ndarray, list[int]]:
    """Joins blocks of `sound`, each taken `moved` samples late; returns the sound and the offsets
    found."""
    blocks, offsets = [], []
    for number, late in enumerate(moved):
        first = number * block + late
        piece = torch.from_numpy(sound[first : first + block + overlap].astype(np.float32))
        blocks.append(sola.join(piece).numpy())
        offsets.append(int(sola.offset))
    return np.concatenate(blocks), offsets


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(count) * 0.1


def test_fitting_blocks_are_not_moved_and_come_out_unchanged() -> None:
    for sound in (noise(12_000), np.sin(np.arange(12_000) * 2.0 * np.pi / 50.0)):
        sola = Sola(BLOCK, CROSSFADE, SEARCH, CPU)
        result, offsets = joined(sola, sound, [0] * 10, BLOCK, CROSSFADE + SEARCH)
        assert offsets == [0] * 10
        assert np.abs(result - sound[: len(result)])[CROSSFADE:].max() < 1e-6


def test_a_tone_with_randomly_shifted_blocks_becomes_one_tone() -> None:
    sola = Sola(BLOCK, CROSSFADE, SEARCH, CPU)
    sound = np.sin(np.arange(40_000) * 2.0 * np.pi / 80.0)
    moved = np.random.default_rng(1).integers(0, 80, 30).tolist()
    result, _ = joined(sola, sound, moved, BLOCK, CROSSFADE + SEARCH)
    assert np.abs(np.diff(result[CROSSFADE:])).max() < 1.02 * 2.0 * np.pi / 80.0
    # LEANING may leave 11 degrees at a join, which the crossfade evens out: the level stays.
    levels = np.sqrt(np.convolve(result[CROSSFADE:] ** 2, np.ones(80) / 80.0, "valid") * 2.0)
    assert np.abs(levels - 1.0).max() < 0.02


def test_a_moved_sound_returns_to_its_time_and_so_does_noise_that_fits_nowhere_else() -> None:
    tone = np.sin(np.arange(20_000) * 2.0 * np.pi / 80.0)
    _, offsets = joined(
        Sola(BLOCK, CROSSFADE, SEARCH, CPU), tone, [0, 40, 0, 0], BLOCK, CROSSFADE + SEARCH
    )
    assert abs(offsets[1] - 40) <= 3 and offsets[3] <= 3
    sola = Sola(BLOCK, CROSSFADE, SEARCH, CPU)
    _, offsets = joined(sola, noise(20_000), [60] + [0] * 14, BLOCK, CROSSFADE + SEARCH)
    assert offsets[1] == 60 and max(offsets[10:]) <= SEARCH // 20


def test_silence_fits_everywhere_and_a_beginning_fades_in() -> None:
    sola = Sola(BLOCK, CROSSFADE, SEARCH, CPU)
    first = sola.join(torch.ones(BLOCK + CROSSFADE + SEARCH))
    assert first[0] < 1e-4
    assert torch.all(first.diff() > -1e-6)
    assert torch.all(first[CROSSFADE:] == 1.0)
    assert int(sola.offset) == 0
    sola.join(torch.zeros(BLOCK + CROSSFADE + SEARCH))
    assert not sola.join(torch.zeros(BLOCK + CROSSFADE + SEARCH)).any()
    assert int(sola.offset) == 0
    sola.join(torch.ones(BLOCK + CROSSFADE + SEARCH))
    sola.reset()
    assert not sola.join(torch.zeros(BLOCK + CROSSFADE + SEARCH)).any(), "no earlier sound is left"


@pytest.mark.parametrize("block", [100, 250, 400])
def test_a_crossfade_may_be_longer_than_a_block(block: int) -> None:
    sola = Sola(block, CROSSFADE, 50, CPU)
    sound = np.sin(np.arange(20_000) * 2.0 * np.pi / 50.0)
    result, offsets = joined(sola, sound, [0] * 20, block, CROSSFADE + 50)
    assert offsets == [0] * 20
    settled = result[8 * block + CROSSFADE :] if block < CROSSFADE else result[CROSSFADE:]
    assert np.abs(settled - sound[len(result) - len(settled) : len(result)]).max() < 1e-3
