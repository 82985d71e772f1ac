"""TAESD on a card: the pictures of diffusers' own layers, from fewer kernels."""

import logging
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.unets.unet_2d_blocks import AutoencoderTinyBlock

from engine.models.sd.model import DiffusionModel
from engine.models.sd.pixels import Pixels
from engine.models.sd.shapes import build
from engine.models.sd.tiny_vae import FusedBlock
from tests.models.sd.oracle import source_picture
from tests.support.fake_cuda.walking import HAS_CARD, reference_device, walked_card


def blocks(model: DiffusionModel) -> list[AutoencoderTinyBlock]:
    return [each for each in model.vae.modules() if isinstance(each, AutoencoderTinyBlock)]


def there_and_back(model: DiffusionModel) -> np.ndarray:
    pixels = Pixels(model, 64, 64)
    return pixels.decode(pixels.encode(source_picture()[None]))[0].cpu().numpy()


def test_a_picture_is_that_of_the_plain_layers_from_fewer_kernels() -> None:
    with reference_device() as device:
        plain = build("tiny", device, torch.float32)
    for block in blocks(plain):
        block.__class__ = AutoencoderTinyBlock
    expected = there_and_back(plain)
    assert expected.std() > 5, "a picture"
    with walked_card() as card:
        model = build("tiny", "cuda", torch.float32)
        with card.tally() as tally:
            picture = there_and_back(model)
        for block in blocks(model):
            assert type(block) is FusedBlock
            block.__class__ = AutoencoderTinyBlock
        with card.tally() as plainly:
            there_and_back(model)
    assert np.abs(picture.astype(int) - expected).max() <= 1
    # Of each block three ReLUs and a sum; a fake CUDA device adds the bias with the product.
    assert HAS_CARD or tally.kernels == plainly.kernels - 4 * len(blocks(model))


def test_where_cudnn_has_no_such_kernels_the_layers_run_one_by_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def without_engine(*arguments: Any) -> None:
        raise RuntimeError("FIND was unable to find an engine to execute this computation")

    monkeypatch.setattr(torch, "cudnn_convolution_relu", without_engine)
    with walked_card(), caplog.at_level(logging.INFO):
        model = build("tiny", "cuda", torch.float16)
        assert {type(block) for block in blocks(model)} == {AutoencoderTinyBlock}
        assert there_and_back(model).shape == (1, 64, 64, 3)
    assert [line for line in caplog.messages if "they run one by one" in line] == [
        "TAESD: cuDNN has no kernels here that join its layers (RuntimeError: FIND was unable to "
        "find an engine to "
        "execute this computation); they run one by one"
    ]


def test_on_a_cpu_the_layers_stay_those_of_diffusers() -> None:
    assert {type(block) for block in blocks(build("tiny", "cpu", torch.float32))} == {
        AutoencoderTinyBlock
    }
