"""Preprocessed pictures, compared with torchvision's arithmetic according to its documentation and source."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine.models.sam3.backbone import preprocess

torch.set_num_threads(1)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def as_the_processor(picture: np.ndarray, side: int) -> torch.Tensor:
    """Sam3ImageProcessor on a CPU: torchvision's antialiased resize of uint8, then its fused rescale and normalise
    with mean and std of 127.5."""
    channels = torch.from_numpy(picture).permute(2, 0, 1).contiguous()[None]
    small = F.interpolate(channels, (side, side), mode="bilinear", antialias=True)
    return (small.float() - 127.5) / 127.5


@pytest.mark.parametrize("size", [(480, 640), (1080, 1920), (200, 100), (336, 336)])
def test_a_picture_is_what_transformers_makes_of_it_bit_for_bit(size: tuple[int, int]) -> None:
    picture = noise(*size, 3)
    ours = preprocess(torch.from_numpy(picture)[None], 336, torch.float32)
    assert ours.shape == (1, 3, 336, 336)
    assert torch.equal(ours, as_the_processor(picture, 336))


def test_alpha_changes_nothing() -> None:
    picture = noise(480, 640, 4)
    ours = preprocess(torch.from_numpy(picture)[None], 336, torch.float32)
    assert torch.equal(ours, as_the_processor(np.ascontiguousarray(picture[..., :3]), 336))
    opaque = preprocess(torch.from_numpy(noise(336, 336, 4))[None], 336, torch.float32)
    assert opaque.shape == (1, 3, 336, 336)


def test_a_batch_equals_its_single_pictures() -> None:
    batch = torch.from_numpy(noise(3, 120, 160, 3))
    ours = preprocess(batch, 336, torch.float32)
    for one, picture in zip(ours, batch, strict=True):
        assert torch.equal(one, preprocess(picture[None], 336, torch.float32)[0])


def test_black_is_minus_one_and_white_is_one() -> None:
    black, white = (torch.full((1, 90, 160, 3), level, dtype=torch.uint8) for level in (0, 255))
    assert preprocess(black, 336, torch.float32).unique().tolist() == [-1.0]
    assert preprocess(white, 336, torch.bfloat16).unique().tolist() == [1.0]


def test_the_whole_picture_is_squashed_with_its_top_left_at_the_top_left() -> None:
    picture = np.zeros((100, 400, 3), np.uint8)
    picture[:50, :200] = 255
    x = preprocess(torch.from_numpy(picture)[None], 336, torch.float32)[0, 0]
    assert x[:160, :160].min() == 1.0
    assert x[176:].max() == -1.0 and x[:, 176:].max() == -1.0


@pytest.mark.parametrize("is_cut_out", [False, True])
def test_the_result_is_channels_last_even_where_numpy_added_the_first_axis(is_cut_out: bool) -> None:
    """Its stride is 0 there, and torch would choose a kernel six times as slow."""
    picture = noise(240, 320, 3)
    pixels = torch.from_numpy(picture[None]) if is_cut_out else torch.from_numpy(picture)[None]
    ours = preprocess(pixels, 336, torch.float32)
    assert ours.stride() == (336 * 336 * 3, 1, 336 * 3, 3)
    assert torch.equal(ours, as_the_processor(picture, 336))


def test_the_float_path_of_other_devices_is_within_one_level() -> None:
    picture = noise(480, 640, 3)
    small = F.interpolate(
        torch.from_numpy(picture)[None].permute(0, 3, 1, 2).float(), (336, 336), mode="bilinear", antialias=True
    ).round()
    apart = ((preprocess(torch.from_numpy(picture)[None], 336, torch.float32) + 1.0) * 127.5 - small).abs()
    assert apart.max() < 1.01
    assert (apart > 0.5).float().mean() < 0.2
