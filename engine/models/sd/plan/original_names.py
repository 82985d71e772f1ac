"""Maps tensor names of Stable Diffusion's original code to those of diffusers and transformers.
Does not load torch.

The original code numbers all blocks of a UNet consecutively: with L resnets in a down block,
`input_blocks` 0 is the first convolution, then each block has L entries plus one that halves the
size; in `output_blocks` each has L + 1. Text encoders have a prefix and names of transformers (SD
1.5, the first of XL), or OpenCLIP names (SD 2.x, the second of XL). The latter join the three
projections of attention in one.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from engine.models.toml_tables import tables_beside

Stored = TypeVar("Stored")
UNET = "model.diffusion_model."
_TABLES = tables_beside(__file__)
_FIXED: dict[str, str] = _TABLES["unet"]
_RESNET: dict[str, str] = _TABLES["resnet"]
_OLD_RESNET = {ours: theirs for theirs, ours in _RESNET.items()}
_OPEN_CLIP_NAMES: dict[str, str] = _TABLES["open_clip"]
_BLOCK = re.compile(r"(input|output)_blocks\.(\d+)\.(\d+)\.(.+)")
_NEW_BLOCK = re.compile(
    r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)"
)
_OLD_CLIP = "cond_stage_model.transformer."
CLIP_PARTS = ("embeddings.", "encoder.", "final_layer_norm.")
_SGM = {
    "conditioner.embedders.0.transformer.": _OLD_CLIP,
    "conditioner.embedders.0.model.": "cond_stage_model.model.",
}
"""Prefixes of the text encoder of SD 1.x and 2.x in files written by Stability's later code for
SDXL."""
_OF_XL = {
    _OLD_CLIP: "conditioner.embedders.0.transformer.",
    "cond_stage_model.1.": "conditioner.embedders.1.",
}
"""Prefixes of the text encoders of SDXL in files of stable-diffusion.cpp (name_conversion.cpp)."""
ENCODERS = {
    "text_encoder": ("cond_stage_model.", "conditioner.embedders.0."),
    "text_encoder_2": ("conditioner.embedders.1.",),
}
"""Prefixes of each encoder's tensors in a single file: SD first, then XL."""
_TRANSFORMERS = "transformer."
_OPEN_CLIP = "model."
_TEXT_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")
_JOINED = re.compile(r"(.+\.self_attn\.)in_proj\.(weight|bias)")


def modern_name(name: str, *, is_xl: bool) -> str:
    """The common name of a tensor. transformers before 4.17 had other names for CLIP's parts
    (A1111's `checkpoint_dict_replacements`), and files of SD 1.x and 2.x written by SDXL's code
    have its prefixes."""
    for start, usual in (_OF_XL if is_xl else _SGM).items():
        if name.startswith(start):
            name = usual + name.removeprefix(start)
            break
    rest = name.removeprefix(_OLD_CLIP)
    return f"{_OLD_CLIP}text_model.{rest}" if rest != name and rest.startswith(CLIP_PARTS) else name


def diffusers_name(name: str, layers: int) -> str | None:
    """diffusers' name, or None for a tensor of another part. `layers`: `layers_per_block` of the
    UNet."""
    if not name.startswith(UNET):
        return None
    rest = name.removeprefix(UNET)
    for start, ours in _FIXED.items():
        if rest.startswith(start):
            return ours + _with_start(rest.removeprefix(start), _RESNET)
    found = _BLOCK.fullmatch(rest)
    if found is None:
        return None
    way = found[1]
    number = int(found[2])
    part = int(found[3])
    tail = found[4]
    if way == "input":
        block, index = divmod(number - 1, layers + 1)
        if index == layers:
            return f"down_blocks.{block}.downsamplers.0.conv.{tail.removeprefix('op.')}"
        kind = "attentions" if part else "resnets"
        return f"down_blocks.{block}.{kind}.{index}.{_with_start(tail, _RESNET)}"
    block, index = divmod(number, layers + 1)
    if tail.startswith("conv."):
        return f"up_blocks.{block}.upsamplers.0.{tail}"
    kind = "attentions" if part else "resnets"
    return f"up_blocks.{block}.{kind}.{index}.{_with_start(tail, _RESNET)}"


def by_diffusers_names(tensors: Mapping[str, Stored], layers: int) -> dict[str, Stored]:
    """The UNet's tensors by diffusers' names."""
    named = {diffusers_name(name, layers): tensor for name, tensor in tensors.items()}
    return {name: tensor for name, tensor in named.items() if name is not None}


def original_name(name: str, layers: int) -> str:
    """The original name of a UNet tensor that diffusers calls `name`; an unknown one keeps its own
    name. An upsampler is always the third part of its entry, although it is the second where there
    is no attention."""
    for theirs, ours in _FIXED.items():
        if name.startswith(ours):
            return UNET + theirs + _with_start(name.removeprefix(ours), _OLD_RESNET)
    found = _NEW_BLOCK.fullmatch(name)
    if found is None:
        return UNET + name
    way = found[1]
    block = int(found[2])
    part = found[3]
    index = int(found[4])
    tail = found[5]
    number = block * (layers + 1) + index
    if part == "downsamplers":
        return f"{UNET}input_blocks.{(block + 1) * (layers + 1)}.0.op.{tail.removeprefix('conv.')}"
    if part == "upsamplers":
        return f"{UNET}output_blocks.{(block + 1) * (layers + 1) - 1}.2.{tail}"
    if part == "resnets":
        tail = _with_start(tail, _OLD_RESNET)
    position = int(part == "attentions")
    if way == "down":
        return f"{UNET}input_blocks.{number + 1}.{position}.{tail}"
    return f"{UNET}output_blocks.{number}.{position}.{tail}"


def inner_tensors(stored: Mapping[str, Stored], start: str) -> dict[str, Stored]:
    """The entries whose names begin with `start`, by the rest of their names."""
    return {
        name.removeprefix(start): each for name, each in stored.items() if name.startswith(start)
    }


def count_inside(stored: Mapping[str, Any], start: str) -> int:
    """The number of parts whose names follow `start`, up to the next dot."""
    return len({name.partition(".")[0] for name in inner_tensors(stored, start)})


def _with_start(tail: str, names: Mapping[str, str]) -> str:
    """The name with another start, by `names`; an unknown one stays."""
    for start, other in names.items():
        if tail.startswith(start):
            return other + tail.removeprefix(start)
    return tail


def text_weights(
    tensors: Mapping[str, Any], starts: tuple[str, ...], layers: int | None
) -> dict[str, Any]:
    """The tensors, or their TensorInfo, of the encoder whose names begin with one of `starts`, by
    transformers' names without `text_model.`. Only the first `layers` layers (None: all), because
    SD 2.x omits the last. Names are those of transformers, of OpenCLIP, or both, as
    stable-diffusion.cpp has them; OpenCLIP's projection is transposed."""
    found: dict[str, Any] = {}
    for name, tensor in tensors.items():
        start = next((start for start in starts if name.startswith(start)), None)
        if start is None:
            continue
        rest = name.removeprefix(start)
        if rest.startswith(_OPEN_CLIP):
            rest = rest.removeprefix(_OPEN_CLIP)
            for theirs, ours in _OPEN_CLIP_NAMES.items():
                rest = rest.replace(theirs, ours)
        rest = rest.removeprefix(_TRANSFORMERS).removeprefix("text_model.")
        layer = _TEXT_LAYER.match(rest)
        if layer and layers is not None and int(layer[1]) >= layers:
            continue
        if joined := _JOINED.fullmatch(rest):
            parts = zip("qkv", tensor.chunk(3), strict=True)
            found |= {f"{joined[1]}{letter}_proj.{joined[2]}": part for letter, part in parts}
        elif rest == "text_projection":
            found["text_projection.weight"] = tensor.T
        else:
            found[rest] = tensor
    return found
