"""Replicas of true size have the published numbers of weights, and their files can be read."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.models.sd.plan.lora_file import examine_lora
from engine.models.weight_files import read_header, weights_in
from tests.support.long_form import IS_SOAK
from tests.support.replicas import true_size
from tests.support.replicas.true_size import Shapes

# Millions of weights, from model cards and papers; SDXL's file has 6 938 MB in float16, the LoRAs 135, 394 and 269 MB.
# The UNets are those of test_shapes.py.
PUBLISHED: dict[str, tuple[Callable[[], Shapes], float]] = {
    "VAE": (lambda: true_size.shapes_of(true_size.full_vae("sd15")), 83.65),
    "TAESD": (lambda: true_size.shapes_of(true_size.taesd()), 2.445),
    "ControlNet": (lambda: true_size.shapes_of(true_size.controlnet()), 361.28),
    "CLIP L": (lambda: true_size.text_shapes(true_size.text_encoder(true_size.CLIP_L)), 123.06),
    "OpenCLIP H": (lambda: true_size.text_shapes(true_size.text_encoder(true_size.OPENCLIP_H)), 340.39),
    "LCM LoRA": (lambda: true_size.lcm_lora_shapes(true_size.unet("sd15")), 67.25),
    "SDXL in one file": (true_size.sdxl_file_shapes, 3468.84),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_has_as_many_weights_as_the_published_one(name: str) -> None:
    shapes, millions = PUBLISHED[name][0](), PUBLISHED[name][1]
    assert sum(map(math.prod, shapes.values())) / 1e6 == pytest.approx(millions, abs=0.01)


def test_diffusers_finds_all_of_sdxl_in_the_names_of_one_file() -> None:
    """diffusers' own conversion returns the names and shapes that the file was made from."""
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

    shapes = true_size.sdxl_file_shapes()
    unet, vae = true_size.unet("sdxl-turbo"), true_size.full_vae("sdxl")
    tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    config = dict(unet.config)
    found = convert_ldm_unet_checkpoint(dict(tensors), config)
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == true_size.shapes_of(unet)
    found = convert_ldm_vae_checkpoint(dict(tensors), dict(vae.config))
    assert set(found) == set(true_size.shapes_of(vae))


@pytest.mark.soak
def test_taesd_and_a_lora_are_written_as_published(tmp_path: Path) -> None:
    noise = true_size.Noise()
    taesd = true_size.WRITERS["taesd"](tmp_path, noise)
    weights = weights_in(taesd)
    assert weights is not None and weights.files[0].stat().st_size == pytest.approx(9_793_292, rel=0.01)
    if not IS_SOAK:
        return
    file = true_size.WRITERS["lcm-lora"](tmp_path, noise)
    assert file.stat().st_size == pytest.approx(134_621_556, rel=0.01)
    assert len(read_header(file)) == 834
    assert examine_lora(str(file), 1.0, None).tensors
