"""Finds inputs that a UNet's configuration needs but our calls do not provide.

A call provides the noisy picture, timestep and text, for XL the pooled text and the sizes, and optionally an
IP-Adapter's picture, a ControlNet's residuals and the guidance. Names are those of diffusers' `UNet2DConditionModel`.
Does not load torch.
"""

from collections.abc import Iterable
from typing import Any, Final

LATENT_CHANNELS: Final = 4
"""Channels of a latent."""
SIZES: Final = 6
"""Number of SDXL's size inputs: height, width, crop and target size of a picture."""
DOWN_BLOCKS: Final = ("DownBlock2D", "CrossAttnDownBlock2D")
MID_BLOCKS: Final = (None, "UNetMidBlock2DCrossAttn", "UNetMidBlock2D", "UNetMidBlock2DSimpleCrossAttn")
UP_BLOCKS: Final = ("UpBlock2D", "CrossAttnUpBlock2D")
"""Supported block types. diffusers' others belong to pixel models, and some fail at sides that cannot be halved often
enough."""
_INPUTS: Final = {
    "class_embed_type": "class labels",
    "num_class_embeds": "class labels",
    "encoder_hid_dim_type": "text of another encoder, or a picture's embedding",
    "encoder_hid_dim": "text of another encoder",
    "dual_cross_attention": "two texts at once",
}
"""Keys that need an additional input if they are set."""


def unsupported_input(config: dict[str, Any]) -> str:
    """An unsupported property of the UNet, to follow "its UNet", or ""."""
    channels_in, channels_out = config.get("in_channels", LATENT_CHANNELS), config.get("out_channels", LATENT_CHANNELS)
    if channels_in != LATENT_CHANNELS:
        return f"takes {channels_in} channels, but a latent has {LATENT_CHANNELS}"
    if channels_out != LATENT_CHANNELS:
        return f"makes {channels_out} channels, but a latent has {LATENT_CHANNELS}"
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
    return _unknown_block(config)


def sizes_wanted(config: dict[str, Any], pooled: int) -> int:
    """Number of size inputs of an XL UNet in addition to the pooled text of width `pooled`: 6; SDXL's refiner has 5."""
    each, whole = config.get("addition_time_embed_dim"), config.get("projection_class_embeddings_input_dim")
    if not isinstance(each, int) or not isinstance(whole, int) or each <= 0:
        return 0
    return (whole - pooled) // each


def unexpected_tensors(config: dict[str, Any], tensors: Iterable[str]) -> list[str]:
    """Tensors of a UNet file that do not belong to a network of this configuration, by the start of their names.

    For example a middle block, too many down or up blocks, or another network; and all that is neither a weight nor a
    bias, such as the scales of quantized weights.
    """
    known = {"conv_in", "time_proj", "time_embedding", "conv_norm_out", "conv_out"}
    known |= {"add_embedding"} if config.get("addition_embed_type") else set()
    known |= {"mid_block"} if config.get("mid_block_type", MID_BLOCKS[1]) else set()
    for blocks in ("down_blocks", "up_blocks"):
        known |= {f"{blocks}.{place}" for place in range(len(_listed(config, f"{blocks[:-1]}_types") or range(4)))}
    return [
        name
        for name in tensors
        if not name.endswith((".weight", ".bias")) or not any(name.startswith(f"{begin}.") for begin in known)
    ]


def _unknown_block(config: dict[str, Any]) -> str:
    named = [("down_block_types", DOWN_BLOCKS), ("up_block_types", UP_BLOCKS)]
    for key, known in named:
        for block in _listed(config, key):
            if block not in known:
                return f"has a block of another kind ({key}: {block})"
    mid = config.get("mid_block_type", MID_BLOCKS[1])
    return "" if mid in MID_BLOCKS else f"has a block of another kind (mid_block_type: {mid})"


def _listed(config: dict[str, Any], key: str) -> list[str]:
    """The listed blocks; empty if not given, which means the default four blocks."""
    listed = config.get(key)
    return [str(item) for item in listed] if isinstance(listed, list) else []
