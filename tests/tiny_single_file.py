"""A tiny model as one checkpoint file, under the names that Stable Diffusion's first code gave its tensors."""

from pathlib import Path

import torch


def build_tiny_single_file(file: Path, sd_folder: Path) -> Path:
    """The SD 1.5 model in `sd_folder` (full VAE) as one checkpoint under the names of the original training code.

    Its configuration, JSON and tokenizer only, goes into a folder of the same name beside it.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPTextModel

    tensors: dict[str, torch.Tensor] = {}
    unet = UNet2DConditionModel.from_pretrained(sd_folder, subfolder="unet", local_files_only=True)
    for name, tensor in unet.state_dict().items():
        tensors[f"model.diffusion_model.{original_unet_name(name, unet.config.layers_per_block + 1)}"] = tensor
    vae = AutoencoderKL.from_pretrained(sd_folder, subfolder="vae", local_files_only=True)
    for name, tensor in vae.state_dict().items():
        is_attention = ".attentions." in name and name.endswith("weight") and "norm" not in name
        shaped = tensor[:, :, None, None] if is_attention else tensor
        tensors[f"first_stage_model.{original_vae_name(name, len(vae.config.block_out_channels))}"] = shaped
    text = CLIPTextModel.from_pretrained(sd_folder, subfolder="text_encoder", local_files_only=True)
    for name, tensor in text.state_dict().items():
        tensors[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)
    for source in (*sd_folder.rglob("*.json"), *sd_folder.rglob("*.txt")):
        target = file.with_suffix("") / source.relative_to(sd_folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return file


UNET_NAMES = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
RESNET_NAMES = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def original_unet_name(name: str, parts_a_block: int) -> str:
    """The name of a UNet tensor in Stable Diffusion's first code, where the blocks are one flat list."""
    for ours, original in UNET_NAMES.items():
        if name.startswith(f"{ours}."):
            return with_resnet_names(original + name.removeprefix(ours), ours)
    kind, block, part, layer, rest = name.split(".", 4)
    place = int(block) * parts_a_block + int(layer)
    if kind == "down_blocks":
        if part == "downsamplers":
            return f"input_blocks.{(int(block) + 1) * parts_a_block}.0.op.{rest.removeprefix('conv.')}"
        return with_resnet_names(f"input_blocks.{place + 1}.{int(part == 'attentions')}.{rest}", part)
    if part == "upsamplers":
        return f"output_blocks.{(int(block) + 1) * parts_a_block - 1}.2.{rest}"
    return with_resnet_names(f"output_blocks.{place}.{int(part == 'attentions')}.{rest}", part)


def with_resnet_names(name: str, part: str) -> str:
    if "resnets" in part:
        for ours, original in RESNET_NAMES.items():
            name = name.replace(f".{ours}.", f".{original}.")
    return name


VAE_NAMES = {
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1",
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
    ".downsamplers.0": ".downsample",
    ".upsamplers.0": ".upsample",
    ".resnets.": ".block.",
    "down_blocks": "down",
}


def original_vae_name(name: str, levels: int) -> str:
    for ours, original in VAE_NAMES.items():
        name = name.replace(ours, original)
    start, found, rest = name.partition("up_blocks.")
    if not found:
        return name
    level, _, rest = rest.partition(".")
    return f"{start}up.{levels - 1 - int(level)}.{rest}"
