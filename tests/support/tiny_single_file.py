"""A tiny model as one checkpoint file, with the tensor names of Stable Diffusion's original code.

SD 1.5 has CLIP with transformers' names, SD 2.x OpenCLIP with one unused layer, SDXL one of each.
"""

import json
from pathlib import Path
from typing import Any

import torch

NAMES = json.loads(Path(__file__).with_name("original_names.json").read_text(encoding="utf-8"))
"""Of each part of a model: diffusers' and transformers' names, and those of the original code, in
the order of their replacement."""


def build_tiny_single_file(file: Path, sd_folder: Path) -> Path:
    """Write the model in `sd_folder` (full VAE) as one checkpoint with the original tensor names.
    Its configuration (JSON and tokenizer only) goes into a folder of the same name beside it."""
    save_tensors(file, original_tensors(sd_folder))
    copy_configuration(sd_folder, file.with_suffix(""))
    return file


def save_tensors(
    file: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None
) -> Path:
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file, metadata)
    return file


def copy_configuration(sd_folder: Path, target_folder: Path) -> Path:
    """Copy JSON and tokenizer files only."""
    for source in (*sd_folder.rglob("*.json"), *sd_folder.rglob("*.txt")):
        target = target_folder / source.relative_to(sd_folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return target_folder


def original_tensors(sd_folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of the model in `sd_folder` (full VAE), by their names in a checkpoint."""
    unet, config = _part(sd_folder, "unet")
    is_xl, is_2 = (
        config.get("addition_embed_type") == "text_time",
        bool(config.get("use_linear_projection")),
    )
    tensors = with_prefix(
        "model.diffusion_model.", original_unet_tensors(unet, config["layers_per_block"])
    )
    vae, config = _part(sd_folder, "vae")
    tensors |= with_prefix(
        "first_stage_model.", original_vae_tensors(vae, len(config["block_out_channels"]))
    )
    if is_2 and not is_xl:
        text, config = _part(sd_folder, "text_encoder")
        tensors |= with_prefix("cond_stage_model.model.", open_clip_tensors(text, extra_layers=1))
        return tensors
    start = "conditioner.embedders.0.transformer." if is_xl else "cond_stage_model.transformer."
    text, config = _part(sd_folder, "text_encoder")
    tensors |= {
        f"{start}text_model.{name.removeprefix('text_model.')}": tensor
        for name, tensor in text.items()
    }
    if is_xl:
        text, config = _part(sd_folder, "text_encoder_2")
        tensors |= with_prefix("conditioner.embedders.1.model.", open_clip_tensors(text))
    return tensors


def original_unet_tensors(
    tensors: dict[str, torch.Tensor], layers_per_block: int
) -> dict[str, torch.Tensor]:
    return {
        original_unet_name(name, layers_per_block + 1): tensor for name, tensor in tensors.items()
    }


def original_vae_tensors(tensors: dict[str, torch.Tensor], levels: int) -> dict[str, torch.Tensor]:
    """Tensors of a VAE by their original names; `levels`: number of entries of block_out_channels.
    The attention was made of 1 x 1 convolutions."""
    found = {}
    for name, tensor in tensors.items():
        is_matrix = ".attentions." in name and tensor.ndim == 2
        found[original_vae_name(name, levels)] = tensor[:, :, None, None] if is_matrix else tensor
    return found


def _part(sd_folder: Path, part: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    from safetensors.torch import load_file

    (file,) = (sd_folder / part).glob("*.safetensors")
    return load_file(file), json.loads(
        (sd_folder / part / "config.json").read_text(encoding="utf-8")
    )


def with_prefix(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def open_clip_tensors(
    text: dict[str, torch.Tensor], *, extra_layers: int = 0
) -> dict[str, torch.Tensor]:
    """Tensors of a transformers text encoder by OpenCLIP's names, plus `extra_layers` unused
    layers. Query, key and value are one matrix, and the projection is transposed."""
    text = {name.removeprefix("text_model."): tensor for name, tensor in text.items()}
    tensors: dict[str, torch.Tensor] = {"logit_scale": torch.tensor(4.6)}
    for name, tensor in text.items():
        if name == "text_projection.weight":
            tensors["text_projection"] = tensor.T
        elif ".self_attn." not in name or "out_proj" in name:
            for ours, original in NAMES["text encoder"].items():
                name = name.replace(ours, original)
            tensors[name] = tensor
        elif ".q_proj." in name:
            rows = [text[name.replace("q_proj", f"{each}_proj")] for each in "qkv"]
            layer, kind = name.split(".")[2], name.rpartition(".")[2]
            tensors[f"transformer.resblocks.{layer}.attn.in_proj_{kind}"] = torch.cat(rows)
    width = text["final_layer_norm.weight"].shape[0]
    tensors.setdefault(
        "text_projection", torch.randn(width, width, generator=torch.Generator().manual_seed(0))
    )
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if "resblocks" in name)
    for extra in range(layers, layers + extra_layers):
        start = f"transformer.resblocks.{extra - 1}."
        last = {name: tensor for name, tensor in tensors.items() if name.startswith(start)}
        tensors |= {
            name.replace(start, f"transformer.resblocks.{extra}."): each.clone()
            for name, each in last.items()
        }
    return tensors


def original_unet_name(name: str, parts_a_block: int) -> str:
    """The original name of a UNet tensor; the original code has one flat list of blocks."""
    for ours, original in NAMES["UNet"].items():
        if name.startswith(f"{ours}."):
            return with_resnet_names(original + name.removeprefix(ours), ours)
    kind, block, part, layer, rest = name.split(".", 4)
    index = int(block) * parts_a_block + int(layer)
    if kind == "down_blocks":
        if part == "downsamplers":
            return (
                f"input_blocks.{(int(block) + 1) * parts_a_block}.0.op.{rest.removeprefix('conv.')}"
            )
        return with_resnet_names(
            f"input_blocks.{index + 1}.{int(part == 'attentions')}.{rest}", part
        )
    if part == "upsamplers":
        return f"output_blocks.{(int(block) + 1) * parts_a_block - 1}.2.{rest}"
    return with_resnet_names(f"output_blocks.{index}.{int(part == 'attentions')}.{rest}", part)


def with_resnet_names(name: str, part: str) -> str:
    if "resnets" in part:
        for ours, original in NAMES["resnet"].items():
            name = name.replace(f".{ours}.", f".{original}.")
    return name


def original_vae_name(name: str, levels: int) -> str:
    for ours, original in NAMES["VAE"].items():
        name = name.replace(ours, original)
    start, found, rest = name.partition("up_blocks.")
    if not found:
        return name
    level, _, rest = rest.partition(".")
    return f"{start}up.{levels - 1 - int(level)}.{rest}"
