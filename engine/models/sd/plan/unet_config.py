"""Checks a UNet's config.json for inputs that our calls do not provide, and for the blocks that a
file must have.

A call provides the noisy picture, timestep and text, for XL the pooled text and the sizes, and
optionally an IP-Adapter's picture, a ControlNet's residuals and the guidance. A distilled model
(SSD-1B, Vega, KOALA, BK-SDM) has a subset of its teacher's tensor names. Names and defaults are
those of diffusers' `UNet2DConditionModel`. No torch.
"""

import re
from typing import Any, Final, NamedTuple

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import Config
from engine.models.sd.plan.original_names import UNET
from engine.models.tensor_file import TensorInfos

LATENT_CHANNELS: Final = 4
SIZES: Final = 6
"""Number of SDXL's size inputs: height, width, crop and target size of a picture."""
MID_BLOCK: Final = "UNetMidBlock2DCrossAttn"
_BLOCKS: Final[dict[str, tuple[str | None, ...]]] = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "mid_block_type": (None, MID_BLOCK, "UNetMidBlock2D", "UNetMidBlock2DSimpleCrossAttn"),
}
"""Supported block types. Others of diffusers are for pixel models, or fail at sides that cannot be
halved often."""
_INPUTS: Final = {
    "class_embed_type": "class labels",
    "num_class_embeds": "class labels",
    "encoder_hid_dim_type": "text of another encoder, or a picture's embedding",
    "encoder_hid_dim": "text of another encoder",
    "dual_cross_attention": "two texts at once",
}
"""Keys that need an additional input if they are set."""
_BLOCK_NAME = re.compile(
    re.escape(UNET) + r"((?:input|output)_blocks\.\d+|middle_block)\.\d+\.(.+)"
)
_DEPTH = re.compile(r"transformer_blocks\.(\d+)\.")
DISTILLED = {
    ("sdxl", (0, 0, 2, 2, 4, 4)): "segmind/SSD-1B",
    ("sdxl", (0, 0, 1, 1, 2, 2)): "segmind/Segmind-Vega",
    ("sdxl", (0, 2, 5)): "etri-vilab/koala-700m",
    ("sdxl", (0, 2, 6)): "etri-vilab/koala-1b",
    ("sd15", (1, 1, 1, 0)): "nota-ai/bk-sdm-small",
    ("sd15", (1, 1, 1)): "nota-ai/bk-sdm-tiny",
}
"""The diffusers repository of a model, by family and number of transformer blocks after each resnet
of the down blocks (`transformer_depth` of ComfyUI's supported_models.py; BK-SDM: unet/config.json
of nota-ai)."""


def unsupported_input(config: Config) -> str:
    """An unsupported property of the UNet, to follow "its UNet", or ""."""
    for key, does in (("in_channels", "takes"), ("out_channels", "makes")):
        channels = config.get(key, LATENT_CHANNELS)
        if channels != LATENT_CHANNELS:
            return f"{does} {channels} channels, but a latent has {LATENT_CHANNELS}"
    for key, what in _INPUTS.items():
        if config.get(key):
            return f"needs {what} ({key} {config[key]})"
    added = config.get("addition_embed_type")
    if added not in (None, "text_time"):
        return f"needs more than a text (addition_embed_type {added})"
    attention = config.get("attention_type", "default")
    if attention not in (None, "default"):
        return f"needs boxes with their own texts (attention_type {attention})"
    width = config.get("cross_attention_dim", 1280)
    if not isinstance(width, int):
        return f"needs texts of several widths (cross_attention_dim {width})"
    for key, known in _BLOCKS.items():
        listed = config.get(key, [])
        for block in (
            listed if isinstance(listed, list) else [listed] if key == "mid_block_type" else []
        ):
            if block not in known:
                return f"has a block of another kind ({key}: {block})"
    return ""


def count_size_inputs(config: Config, pooled: int) -> int:
    """Number of size inputs of an XL UNet in addition to the pooled text of width `pooled`: 6;
    SDXL's refiner has 5."""
    each = config.get("addition_time_embed_dim")
    whole = config.get("projection_class_embeddings_input_dim")
    if not isinstance(each, int) or not isinstance(whole, int) or each <= 0:
        return 0
    return (whole - pooled) // each


class Block(NamedTuple):
    """A resnet with the transformer blocks after it."""

    channels: int
    depth: int
    """Number of transformer blocks after the resnet."""


def require_same_blocks(name: str, family: str, tensors: TensorInfos, unet: Config) -> None:
    """Raise ModelError, in one line, if the file `name` has other blocks than the configuration
    `unet`."""
    own = blocks_of_file(tensors)
    planned = blocks_of_config(unet)
    if own == planned:
        return
    down = sorted(
        (int(name.partition(".")[2]), block.depth) for name, block in own.items() if "input" in name
    )
    hub_id = DISTILLED.get((family, tuple(depth for _, depth in down)))
    if hub_id is not None:
        raise ModelError(
            f"{name}: a distilled UNet with fewer blocks, like {hub_id}; use its diffusers folder "
            "instead: "
            f"{locate.download_command(hub_id, locate.MODEL_FILES)}"
        )
    block_name = min(
        each for each in own.keys() | planned.keys() if own.get(each) != planned.get(each)
    )
    ours, theirs = (
        f"{block.channels} channels and {block.depth} transformer blocks" if block else "nothing"
        for block in (own.get(block_name), planned.get(block_name))
    )
    raise ModelError(
        f"{name}: its UNet is built differently from its configuration (distilled? {block_name} "
        f"has {ours}, the "
        f"configuration {theirs}); use the diffusers folder of this model"
    )


def blocks_of_file(tensors: TensorInfos) -> dict[str, Block]:
    """Each resnet with its attention, by its original block name (`input_blocks.4`)."""
    channels: dict[str, int] = {}
    depths: dict[str, int] = {}
    for name, tensor in tensors.items():
        found = _BLOCK_NAME.fullmatch(name)
        if found is None:
            continue
        block_name, rest = found.groups()
        if rest == "in_layers.2.weight":
            channels.setdefault(block_name, tensor.shape[0])
        elif inner := _DEPTH.match(rest):
            depths[block_name] = max(depths.get(block_name, 0), int(inner[1]) + 1)
    return {
        block_name: Block(width, depths.get(block_name, 0))
        for block_name, width in channels.items()
    }


def blocks_of_config(unet: Config) -> dict[str, Block]:
    """The same for a UNet's config.json. ModelError if its lists are inconsistent."""
    try:
        return _planned(unet)
    except (LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"unet/config.json: its lists of blocks are inconsistent ({error})"
        ) from None


def _planned(unet: Config) -> dict[str, Block]:
    widths = list(unet.get("block_out_channels", (320, 640, 1280, 1280)))
    layers = _each(unet.get("layers_per_block", 2), len(widths))
    depths = _each(unet.get("transformer_layers_per_block", 1), len(widths))
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
    if middle := unet.get("mid_block_type", MID_BLOCK):
        planned["middle_block"] = Block(widths[-1], _depths(middle, depths[-1], 1)[0])
    number = 0
    for width, layer_count, kind, depth in zip(
        widths[::-1], layers[::-1], up, back_depths, strict=True
    ):
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
