"""Maps tensor names of Stable Diffusion's original code to those of diffusers and transformers. Does not load torch.

The original code numbers all blocks of a UNet consecutively: with L resnets in a down block, `input_blocks` 0 is the
first convolution, then each block has L entries plus one that halves the size; in `output_blocks` each has L + 1. Text
encoders have a prefix and names of transformers (SD 1.5, the first of XL), or OpenCLIP names (SD 2.x, the second of
XL). The latter join the three projections of attention in one.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from engine.models.weight_files import TensorInfo

Stored = TypeVar("Stored")
UNET = "model.diffusion_model."
_FIXED = {
    "input_blocks.0.0.": "conv_in.",
    "time_embed.0.": "time_embedding.linear_1.",
    "time_embed.2.": "time_embedding.linear_2.",
    "time_embed.cond_proj.": "time_embedding.cond_proj.",
    "label_emb.0.0.": "add_embedding.linear_1.",
    "label_emb.0.2.": "add_embedding.linear_2.",
    "out.0.": "conv_norm_out.",
    "out.2.": "conv_out.",
    "middle_block.0.": "mid_block.resnets.0.",
    "middle_block.1.": "mid_block.attentions.0.",
    "middle_block.2.": "mid_block.resnets.1.",
}
_RESNET = {
    "in_layers.0.": "norm1.",
    "in_layers.2.": "conv1.",
    "emb_layers.1.": "time_emb_proj.",
    "out_layers.0.": "norm2.",
    "out_layers.3.": "conv2.",
    "skip_connection.": "conv_shortcut.",
}
_BLOCK = re.compile(r"(input|output)_blocks\.(\d+)\.(\d+)\.(.+)")
_NEW_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
_OLD_CLIP = "cond_stage_model.transformer."
_CLIP_PARTS = ("embeddings.", "encoder.", "final_layer_norm.")
_SGM = {"conditioner.embedders.0.transformer.": _OLD_CLIP, "conditioner.embedders.0.model.": "cond_stage_model.model."}
"""Prefixes of the text encoder of SD 1.x and 2.x in files written by Stability's later code for SDXL."""
ENCODERS = {
    "text_encoder": ("cond_stage_model.", "conditioner.embedders.0."),
    "text_encoder_2": ("conditioner.embedders.1.",),
}
"""Prefixes of each encoder's tensors in a single file: SD first, then XL."""
_TRANSFORMERS, _OPEN_CLIP = "transformer.", "model."
_TEXT_BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)")
_OPEN_CLIP_NAMES = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
    "text_projection": "text_projection.weight",
}
_IN_BLOCK = {
    "attn.out_proj.weight": "self_attn.out_proj.weight",
    "mlp.c_fc.weight": "mlp.fc1.weight",
    "mlp.c_proj.weight": "mlp.fc2.weight",
    "ln_1.weight": "layer_norm1.weight",
    "ln_1.bias": "layer_norm1.bias",
    "ln_2.weight": "layer_norm2.weight",
    "ln_2.bias": "layer_norm2.bias",
}
_JOINED = "attn.in_proj_weight"


def modern_name(name: str, *, is_xl: bool) -> str:
    """The common name of a tensor. transformers before 4.17 had other names for CLIP's parts (A1111's
    `checkpoint_dict_replacements`), and files of SD 1.x and 2.x written by SDXL's code have its prefixes."""
    if not is_xl:
        for start, usual in _SGM.items():
            if name.startswith(start):
                name = usual + name.removeprefix(start)
    rest = name.removeprefix(_OLD_CLIP)
    return f"{_OLD_CLIP}text_model.{rest}" if rest != name and rest.startswith(_CLIP_PARTS) else name


def diffusers_name(name: str, layers: int) -> str | None:
    """diffusers' name, or None for a tensor of another part. `layers`: `layers_per_block` of the UNet."""
    if not name.startswith(UNET):
        return None
    rest = name.removeprefix(UNET)
    for start, ours in _FIXED.items():
        if rest.startswith(start):
            return ours + _resnet(rest.removeprefix(start))
    if (found := _BLOCK.fullmatch(rest)) is None:
        return None
    way, number, part, tail = found[1], int(found[2]), int(found[3]), found[4]
    if way == "input":
        block, index = divmod(number - 1, layers + 1)
        if index == layers:
            return f"down_blocks.{block}.downsamplers.0.conv.{tail.removeprefix('op.')}"
        kind = "attentions" if part else "resnets"
        return f"down_blocks.{block}.{kind}.{index}.{_resnet(tail)}"
    block, index = divmod(number, layers + 1)
    if tail.startswith("conv."):
        return f"up_blocks.{block}.upsamplers.0.{tail}"
    kind = "attentions" if part else "resnets"
    return f"up_blocks.{block}.{kind}.{index}.{_resnet(tail)}"


def by_diffusers_names(tensors: Mapping[str, Stored], layers: int) -> dict[str, Stored]:
    """The UNet's tensors by diffusers' names."""
    named = {diffusers_name(name, layers): tensor for name, tensor in tensors.items()}
    return {name: tensor for name, tensor in named.items() if name is not None}


def original_name(name: str, layers: int) -> str:
    """The original name of a UNet tensor that diffusers calls `name`; an unknown one keeps its own name.
    An upsampler is always the third part of its entry, although it is the second where there is no attention."""
    for theirs, ours in _FIXED.items():
        if name.startswith(ours):
            return UNET + theirs + _old_resnet(name.removeprefix(ours))
    if (found := _NEW_BLOCK.fullmatch(name)) is None:
        return UNET + name
    way, block, part, index, tail = found[1], int(found[2]), found[3], int(found[4]), found[5]
    number = block * (layers + 1) + index
    if part == "downsamplers":
        return f"{UNET}input_blocks.{(block + 1) * (layers + 1)}.0.op.{tail.removeprefix('conv.')}"
    if part == "upsamplers":
        return f"{UNET}output_blocks.{(block + 1) * (layers + 1) - 1}.2.{tail}"
    tail = f"{int(part == 'attentions')}.{_old_resnet(tail) if part == 'resnets' else tail}"
    return f"{UNET}input_blocks.{number + 1}.{tail}" if way == "down" else f"{UNET}output_blocks.{number}.{tail}"


def _resnet(tail: str) -> str:
    return next((ours + tail.removeprefix(start) for start, ours in _RESNET.items() if tail.startswith(start)), tail)


def _old_resnet(tail: str) -> str:
    return next((start + tail.removeprefix(ours) for start, ours in _RESNET.items() if tail.startswith(ours)), tail)


def text_weights(
    tensors: Mapping[str, TensorInfo], starts: tuple[str, ...], layers: int | None
) -> dict[str, TensorInfo]:
    """Weights of the encoder whose names begin with one of `starts`. For OpenCLIP only the first `layers` layers (None:
    all), because SD 2.x omits the last one."""
    found: dict[str, TensorInfo] = {}
    for name, tensor in tensors.items():
        if (start := next((start for start in starts if name.startswith(start)), None)) is None:
            continue
        rest = name.removeprefix(start)
        if rest.startswith(_TRANSFORMERS):
            found[rest.removeprefix(_TRANSFORMERS).removeprefix("text_model.")] = tensor
        elif rest.startswith(_OPEN_CLIP):
            found |= _of_open_clip(rest.removeprefix(_OPEN_CLIP), tensor, layers)
    return found


def _of_open_clip(name: str, tensor: TensorInfo, layers: int | None) -> dict[str, TensorInfo]:
    if (block := _TEXT_BLOCK.fullmatch(name)) is None:
        return {_OPEN_CLIP_NAMES[name]: tensor} if name in _OPEN_CLIP_NAMES else {}
    number, tail = int(block[1]), block[2]
    if layers is not None and number >= layers:
        return {}
    layer = f"encoder.layers.{number}"
    if tail == _JOINED:
        part = TensorInfo(tensor.dtype, (tensor.shape[0] // 3, *tensor.shape[1:]))
        return {f"{layer}.self_attn.{letter}_proj.weight": part for letter in "qkv"}
    return {f"{layer}.{_IN_BLOCK[tail]}": tensor} if tail in _IN_BLOCK else {}
