"""Unsupported inputs in a UNet's configuration, and tensors that do not belong to it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.sd.check import check
from engine.models.sd.load import load
from engine.models.sd.plan.unet_config import sizes_wanted, unsupported_input
from engine.models.sd.spec import ModelSpec


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"in_channels": 9}, "takes 9 channels"),
        ({"out_channels": 8}, "makes 8 channels"),
        ({"class_embed_type": "timestep"}, "needs class labels"),
        ({"num_class_embeds": 1000}, "needs class labels"),
        ({"encoder_hid_dim": 4096}, "needs text of another encoder"),
        ({"encoder_hid_dim_type": "ip_image_proj"}, "needs text of another encoder, or a picture's embedding"),
        ({"dual_cross_attention": True}, "needs two texts"),
        ({"addition_embed_type": "text_image"}, "addition_embed_type text_image"),
        ({"attention_type": "gated-text-image"}, "attention_type gated-text-image"),
        ({"cross_attention_dim": [768, 1024]}, "several widths"),
        ({"down_block_types": ["DownBlock2D", "KDownBlock2D"]}, "down_block_types: KDownBlock2D"),
        ({"up_block_types": ["ResnetUpsampleBlock2D"]}, "up_block_types: ResnetUpsampleBlock2D"),
        ({"mid_block_type": "UNetMidBlockFlat"}, "mid_block_type: UNetMidBlockFlat"),
        ({"down_block_types": 7, "in_channels": 4, "addition_embed_type": "text_time"}, ""),
        ({"mid_block_type": None, "only_cross_attention": [True, False], "time_embedding_type": "fourier"}, ""),
        ({}, ""),
    ],
)
def test_an_input_that_calls_do_not_provide_is_reported(told: dict[str, Any], says: str) -> None:
    assert says in unsupported_input(told) and bool(says) == bool(unsupported_input(told))


def test_sdxl_gets_six_sizes_and_the_refiner_five() -> None:
    xl = {"addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816}
    assert sizes_wanted(xl, 1280) == 6
    assert sizes_wanted(xl | {"projection_class_embeddings_input_dim": 2560}, 1280) == 5
    assert sizes_wanted({}, 1280) == 0


@pytest.fixture
def folder(tiny_models: Any, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_models.sd(), tmp_path / "model")


def add(file: Path, *names: str) -> None:
    from safetensors.torch import load_file, save_file

    save_file(load_file(file) | {name: torch.zeros(2) for name in names}, file, {"format": "pt"})


def test_tensors_that_a_class_would_ignore_are_refused_and_those_that_are_no_weights_do_no_harm(folder: Path) -> None:
    spec = ModelSpec(model=str(folder))
    text, unet = folder / "text_encoder/model.safetensors", folder / "unet/diffusion_pytorch_model.safetensors"
    add(text, "embeddings.position_ids", "text_projection.weight", "logit_scale", "vision_model.post_layernorm.weight")
    assert load(spec, "cpu", "float32").family == "sd15"
    for file, name in (
        (unet, "down_blocks.0.motion_modules.0.proj_in.weight"),
        (text, "text_model.encoder.layers.9.layer_norm1.weight"),
    ):
        add(file, name)
        with pytest.raises(
            ModelError, match=r"1 of its tensors have no place in a .*, the first is .*; it is another kind"
        ):
            load(spec, "cpu", "float32")


def test_a_shard_that_was_not_fetched_is_named(folder: Path) -> None:
    unet = folder / "unet"
    whole = unet / "diffusion_pytorch_model.safetensors"
    first, second = (unet / f"diffusion_pytorch_model-0000{number}-of-00002.safetensors" for number in (1, 2))
    whole.rename(first)
    index = unet / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": first.name, "b": second.name}}), encoding="utf-8")
    (line,) = check(ModelSpec(model=str(folder))).missing
    assert line.endswith(f"unet: {second.name} is missing, one of 2 files listed in {index.name}; download it")
