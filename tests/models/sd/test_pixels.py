"""Encoding and decoding pictures with a VAE, cropping and resizing them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.pixels import Pixels, crop_to_aspect, zoom_and_rotate
from tests.models.sd.oracle import pipeline_of, source_picture
from tests.models.sd.plain_stream import loaded


@pytest.fixture(scope="module")
def model(tiny_sd: Path) -> DiffusionModel:
    return loaded(tiny_sd)


@pytest.fixture(scope="module")
def kl_folder(tiny_models: Any) -> Path:
    return tiny_models.sd(vae="kl")


@pytest.fixture(scope="module")
def kl_model(kl_folder: Path) -> DiffusionModel:
    return loaded(kl_folder, vae="full")


def blocks(picture: np.ndarray) -> np.ndarray:
    """Mean of each 8 x 8 block."""
    height, width, channels = picture.shape
    return picture.reshape(height // 8, 8, width // 8, 8, channels).mean(axis=(1, 3))


def test_a_round_trip_gives_the_blocks_back_in_their_colours(model: DiffusionModel) -> None:
    picture, pixels = source_picture(), Pixels(model, 64, 64)
    back, is_finite = pixels.decode(pixels.encode(picture[None]))
    assert back.shape == (1, 64, 64, 3) and back.dtype == torch.uint8 and back.is_contiguous()
    assert np.abs(blocks(back[0].numpy().astype(np.float64)) - blocks(picture)).max() < 0.01 * 255
    assert is_finite.tolist() == [True]


def test_the_full_vae_encodes_and_draws_as_diffusers_does(
    kl_folder: Path, kl_model: DiffusionModel
) -> None:
    pipeline, picture = pipeline_of(kl_folder), source_picture()
    x = pipeline.image_processor.preprocess(Image.fromarray(picture))
    with torch.no_grad():
        distribution = pipeline.vae.encode(x).latent_dist
    scale = pipeline.vae.config.scaling_factor
    pixels = Pixels(kl_model, 64, 64)
    assert torch.allclose(pixels.encode(picture[None]), distribution.mode() * scale, atol=1e-6)
    theirs = distribution.sample(torch.Generator().manual_seed(3)) * scale
    ours = pixels.encode_sampled(picture[None], torch.Generator().manual_seed(3))
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert not torch.allclose(ours, pixels.encode(picture[None]), atol=1e-3)


def test_a_picture_that_overflows_in_decoding_does_not_affect_its_neighbours(
    kl_folder: Path,
) -> None:
    pixels = Pixels(load(ModelSpec(model=str(kl_folder), vae="full"), "cpu", "bf16"), 64, 64)
    z = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    z[1] *= 3e38 / z[1].abs().max()
    z[2, 0, 0, 0] = float("nan")
    assert torch.isfinite(z[1]).all(), "the latents are numbers, what the VAE makes of them is not"
    rgb, is_finite = pixels.decode(z)
    assert rgb.dtype == torch.uint8
    assert is_finite.tolist() == [True, False, False, True]


def test_a_wide_picture_is_cropped_in_the_middle_not_squashed(model: DiffusionModel) -> None:
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, 32:96] = source_picture()
    assert torch.equal(
        Pixels(model, 64, 64).encode(wide[None]),
        Pixels(model, 64, 64).encode(source_picture()[None]),
    )
    tall = torch.arange(10).view(1, 10, 1, 1).expand(1, 10, 4, 3)
    assert crop_to_aspect(tall, 64, 64)[0, :, 0, 0].tolist() == [3, 4, 5, 6]
    assert crop_to_aspect(tall, 32, 64)[0, :, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_shrinking_keeps_fine_lines(model: DiffusionModel) -> None:
    lines = np.zeros((512, 512, 3), np.uint8)
    lines[3::8] = 200
    small = Pixels(model, 64, 64).crop_and_resize(lines[None])
    assert (
        small[:, :, 1:-1] * 255 - 200 / 8
    ).abs().max() < 1.0  # without antialiasing half a line or none


@pytest.mark.parametrize("size", [(60, 64), (64, 63), (0, 64)])
def test_a_size_that_is_not_a_multiple_of_8_is_refused(
    model: DiffusionModel, size: tuple[int, int]
) -> None:
    with pytest.raises(ModelError, match="multiples of 8"):
        Pixels(model, *size)


def test_a_quarter_turn_is_clockwise() -> None:
    rgb = torch.from_numpy(source_picture()[None])
    assert (zoom_and_rotate(rgb, 1.0, 90.0).int() - rgb.rot90(-1, (1, 2)).int()).abs().max() <= 1


def test_turning_a_wide_picture_does_not_shear_it() -> None:
    rgb = torch.zeros(1, 64, 128, 3, dtype=torch.uint8)
    rgb[:, 30:34, 44:84] = 255  # a bar through the middle, 40 long
    # the mirrored ones beside it left out
    upright = zoom_and_rotate(rgb, 1.0, 90.0)[0, :, 32:96, 0] > 127
    rows, columns = upright.nonzero(as_tuple=True)
    assert rows.max() - rows.min() + 1 == 40
    assert columns.max() - columns.min() + 1 == 4
    assert columns.float().mean().item() == pytest.approx(31.5, abs=0.6)


def test_the_outside_is_mirrored_and_never_black() -> None:
    rgb = torch.full((2, 32, 48, 3), 200, dtype=torch.uint8)
    assert torch.equal(zoom_and_rotate(rgb, 0.9, 33.0), rgb)


def test_zoom_grows_the_middle() -> None:
    rgb = torch.zeros(1, 40, 60, 3, dtype=torch.uint8)
    rgb[:, 15:25, 20:40] = 255
    grown = zoom_and_rotate(rgb, 2.0, 0.0)
    assert grown.shape == rgb.shape
    assert grown[0, 10:30, 10:50].min() == 255 or grown[0, 12:28, 12:48].min() == 255
    assert grown[0, :8].max() == 0 and grown[0, :, :8].max() == 0
