"""Compares the blocks of a single file's UNet with its configuration. Does not load torch, reads no weights.

A distilled model (SSD-1B, Vega, KOALA, BK-SDM) has a subset of its teacher's tensor names: with the teacher's
configuration, hundreds of tensors are missing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.safetensors_header import Tensor
from engine.models.sd.plan.original_names import UNET

_PLACE = re.compile(re.escape(UNET) + r"((?:input|output)_blocks\.\d+|middle_block)\.(\d+)\.(.+)")
_OPTIONAL = re.compile(
    re.escape(UNET)
    + r"((input_blocks\.\d+\.0\.(op|skip_connection)|output_blocks\.\d+\.(0\.skip_connection|[12]\.conv)"
    + r"|label_emb\.0\.[02])\.(weight|bias)|time_embed\.cond_proj\.weight)"
)
"""Tensors that only some UNets or blocks have."""
_DEPTH = re.compile(r"transformer_blocks\.(\d+)\.")
_PAIR = ("weight", "bias")
_FIXED = ("input_blocks.0.0.", "time_embed.0.", "time_embed.2.", "out.0.", "out.2.")
_RESNET = tuple(
    f"{layer}.{each}" for layer in ("in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3")
    for each in _PAIR
)  # fmt: skip
_ATTENTION = tuple(f"{layer}.{each}" for layer in ("norm", "proj_in", "proj_out") for each in _PAIR)
_TRANSFORMER = (
    *(f"{layer}.{each}" for layer in ("norm1", "norm2", "norm3", "ff.net.0.proj", "ff.net.2") for each in _PAIR),
    *(f"{layer}.{each}.weight" for layer in ("attn1", "attn2") for each in ("to_q", "to_k", "to_v", "to_out.0")),
    *(f"{layer}.to_out.0.bias" for layer in ("attn1", "attn2")),
)
DISTILLED = {
    ("sdxl", (0, 0, 2, 2, 4, 4)): "segmind/SSD-1B",
    ("sdxl", (0, 0, 1, 1, 2, 2)): "segmind/Segmind-Vega",
    ("sdxl", (0, 2, 5)): "etri-vilab/koala-700m",
    ("sdxl", (0, 2, 6)): "etri-vilab/koala-1b",
    ("sd15", (1, 1, 1, 0)): "nota-ai/bk-sdm-small",
    ("sd15", (1, 1, 1)): "nota-ai/bk-sdm-tiny",
}
"""The diffusers repository of a model, by family and number of transformer blocks after each resnet of the down blocks
(`transformer_depth` of ComfyUI's supported_models.py; BK-SDM: unet/config.json of nota-ai)."""


@dataclass(frozen=True, slots=True)
class Block:
    channels: int
    depth: int
    """Number of transformer blocks after the resnet."""


def layout_of_file(tensors: Mapping[str, Tensor]) -> dict[str, Block]:
    """Each resnet with its attention, by its original block name (`input_blocks.4`)."""
    channels: dict[str, int] = {}
    depths: dict[str, int] = {}
    for name, tensor in tensors.items():
        found = _PLACE.fullmatch(name)
        if found is None:
            continue
        place, rest = found[1], found[3]
        if rest == "in_layers.2.weight":
            channels.setdefault(place, tensor.shape[0])
        elif inner := _DEPTH.match(rest):
            depths[place] = max(depths.get(place, 0), int(inner[1]) + 1)
    return {place: Block(width, depths.get(place, 0)) for place, width in channels.items()}


def layout_of_config(unet: Mapping[str, Any]) -> dict[str, Block]:
    """The same for a UNet's config.json. ModelError if its lists are inconsistent."""
    try:
        return _planned(unet)
    except (LookupError, TypeError, ValueError) as error:
        raise ModelError(f"unet/config.json: its lists of blocks are inconsistent ({error})") from None


def require_whole(name: str, tensors: Mapping[str, Tensor], stored: Mapping[str, str]) -> None:
    """Raise ModelError, in one line, if a block of the file `name` lacks a tensor that every such block has, or if its
    UNet has tensors that no such network has: what they do would be left out. `stored`: names in the file."""
    starts: dict[str, tuple[str, ...]] = {f"{UNET}{start}": _PAIR for start in _FIXED}
    for tensor in tensors:
        found = _PLACE.fullmatch(tensor)
        if found is None:
            continue
        block, rest = f"{UNET}{found[1]}.{found[2]}.", found[3]
        if rest.startswith("in_layers."):
            starts[block] = _RESNET
        elif inner := _DEPTH.match(rest):
            starts[block] = _ATTENTION
            starts[block + inner[0]] = _TRANSFORMER
    absent = [start + each for start, each_of in starts.items() for each in each_of if start + each not in tensors]
    if absent:
        raise ModelError(f"{name}: damaged: {len(absent)} tensors of the UNet are missing, the first is {absent[0]}")
    known = {start + each for start, each_of in starts.items() for each in each_of}
    own = (each for each in tensors if each.startswith(UNET))
    strange = [stored.get(each, each) for each in own if each not in known and not _OPTIONAL.fullmatch(each)]
    if strange:
        raise ModelError(
            f"{name}: {len(strange)} tensors of its UNet are unknown, the first is {strange[0][:160]}; it is another "
            "kind of model"
        )


def require_same_blocks(name: str, family: str, tensors: Mapping[str, Tensor], unet: Mapping[str, Any]) -> None:
    """Raise ModelError, in one line, if the file `name` has other blocks than the configuration `unet`."""
    own, planned = layout_of_file(tensors), layout_of_config(unet)
    if own == planned:
        return
    down = sorted((int(place.partition(".")[2]), block.depth) for place, block in own.items() if "input" in place)
    hub_id = DISTILLED.get((family, tuple(depth for _, depth in down)))
    if hub_id is not None:
        raise ModelError(
            f"{name}: a distilled UNet with fewer blocks, like {hub_id}; use its diffusers folder instead: "
            f"{locate.download_command(hub_id, locate.MODEL_FILES)}"
        )
    place = min(place for place in own.keys() | planned.keys() if own.get(place) != planned.get(place))
    raise ModelError(
        f"{name}: its UNet is built differently from its configuration (distilled? {place} has "
        f"{_in_words(own.get(place))}, the configuration {_in_words(planned.get(place))}); use the diffusers folder of "
        "this model"
    )


def _planned(unet: Mapping[str, Any]) -> dict[str, Block]:
    widths = list(unet.get("block_out_channels", (320, 640, 1280, 1280)))
    count = len(widths)
    layers = _each(unet.get("layers_per_block", 2), count)
    depths = _each(unet.get("transformer_layers_per_block", 1), count)
    back_depths = unet.get("reverse_transformer_layers_per_block") or depths[::-1]
    down = unet.get("down_block_types", ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",))
    up = unet.get("up_block_types", ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3)
    planned: dict[str, Block] = {}
    number = 1
    for width, layer_count, kind, depth in zip(widths, layers, down, depths, strict=True):
        for each in _depths(kind, depth, layer_count):
            planned[f"input_blocks.{number}"] = Block(width, each)
            number += 1
        number += 1  # the downsampler
    middle = unet.get("mid_block_type", "UNetMidBlock2DCrossAttn")
    if middle:
        planned["middle_block"] = Block(widths[-1], _depths(middle, depths[-1], 1)[0])
    number = 0
    for width, layer_count, kind, depth in zip(widths[::-1], layers[::-1], up, back_depths, strict=True):
        for each in _depths(kind, depth, layer_count + 1):
            planned[f"output_blocks.{number}"] = Block(width, each)
            number += 1
    return planned


def _each(value: Any, count: int) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] * count


def _depths(kind: str, depth: Any, layers: int) -> list[int]:
    if "CrossAttn" not in kind:
        return [0] * layers
    return list(depth[:layers]) if isinstance(depth, list | tuple) else [depth] * layers


def _in_words(block: Block | None) -> str:
    return "nothing" if block is None else f"{block.channels} channels and {block.depth} transformer blocks"
