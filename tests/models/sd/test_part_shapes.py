"""Files and configurations of different models in one folder are detected by `check`, in the words of `load`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.models.sd.check import check
from engine.models.sd.load import load
from engine.models.sd.spec import ModelSpec


def config(part: str, **values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / part / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | values), encoding="utf-8")

    return change


def half_a_text_encoder(folder: Path) -> None:
    file = folder / "text_encoder" / "model.safetensors"
    tensors = {name: tensor for name, tensor in load_file(file).items() if "layers.1." not in name}
    save_file(tensors, file, {"format": "pt"})


def vae_in_the_text_encoder(folder: Path) -> None:
    shutil.copy(folder / "vae" / "diffusion_pytorch_model.safetensors", folder / "text_encoder" / "model.safetensors")


def wider_text_encoder(folder: Path) -> None:
    """For example SD 2.x's part in a folder of SD 1.5."""
    from transformers import CLIPTextConfig, CLIPTextModel

    told = json.loads((folder / "text_encoder" / "config.json").read_text(encoding="utf-8"))
    wider = CLIPTextConfig(**told | {"hidden_size": 2 * told["hidden_size"]})
    shutil.rmtree(folder / "text_encoder")
    CLIPTextModel(wider).save_pretrained(folder / "text_encoder")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (config("text_encoder", hidden_size=48), "embeddings.token_embedding.weight is "),
        (config("vae", block_out_channels=[8, 24]), "vae: decoder.conv_in.weight is "),
        (config("vae", out_channels=4), "vae: a VAE whose pictures have 4 channels (out_channels), ours have 3; "),
        (config("unet", block_out_channels=[48, 64]), "unet: conv_in.weight is "),
        (config("unet", cross_attention_dim=48), ".attn2.to_k.weight is "),
        (config("unet", block_out_channels=[]), "unet: config.json lacks the width of its network"),
        (half_a_text_encoder, "text_encoder: encoder.layers.1.self_attn.q_proj.weight is missing"),
        (vae_in_the_text_encoder, "text_encoder: embeddings.token_embedding.weight is missing"),
        (wider_text_encoder, "its UNet needs text embeddings of width 32, its text_encoder makes 64"),
    ],
)
def test_parts_of_different_models_are_reported_before_loading(
    change: Callable[[Path], None], said: str, tiny_models: Any, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_models.sd(vae="kl"), tmp_path / "model")
    change(folder)
    spec = ModelSpec(model=str(folder), vae="full")
    (line,) = check(spec).missing
    assert said in line and "\n" not in line
    with pytest.raises(ModelError) as raised:
        load(spec, "cpu", "float32")
    assert str(raised.value).endswith(line.removeprefix(f"{folder}: "))


def test_a_controlnet_whose_configuration_contradicts_its_file_is_reported_by_check(
    tiny_models: Any, tmp_path: Path
) -> None:
    sd = tiny_models.sd()
    folder = shutil.copytree(tiny_models.controlnet(sd), tmp_path / "net")
    file = folder / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["controlnet_mid_block.weight"] = tensors["controlnet_mid_block.weight"][:8].contiguous()
    save_file(tensors, file, {"format": "pt"})
    (line,) = check(ModelSpec(model=str(sd), controlnets=(str(folder),))).missing
    assert "controlnet_mid_block.weight is 8 x" in line


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("tokenizer_config.json", None, "tokenizer/tokenizer_config.json is missing"),
        ("tokenizer_config.json", "{}", "model_max_length is None, not 1 to 1024 tokens (CLIP's: 77)"),
        ("tokenizer_config.json", '{"model_max_length": 0}', "model_max_length is 0, not"),
        ("vocab.json", '{"a', "tokenizer/vocab.json cannot be read (Unterminated string"),
    ],
)
def test_a_broken_tokenizer_is_reported_before_loading(
    file: str, text: str | None, said: str, tiny_sd: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_sd, tmp_path / "model")
    broken = folder / "tokenizer" / file
    broken.unlink(missing_ok=True)
    if text is not None:
        broken.write_text(text, encoding="utf-8")
    (line,) = check(ModelSpec(model=str(folder))).missing
    assert said in line
    with pytest.raises(ModelError) as raised:
        load(ModelSpec(model=str(folder)), "cpu", "float32")
    assert str(raised.value).endswith(line.removeprefix(f"{folder}: "))


def test_a_tensor_of_another_shape_is_named_without_advice_to_programmers(tiny_sd: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_sd, tmp_path / "model")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["conv_out.bias"] = tensors["conv_out.bias"][:2].contiguous()
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(ModelError, match=r"conv_out.bias expected shape .*4.*, but got .*2\]\)\.?\)$"):
        load(ModelSpec(model=str(folder)), "cpu", "float32")
