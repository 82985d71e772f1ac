"""Examines a ControlNet, a folder or a file, by its JSON and headers. Does not load torch.

A single file contains no configuration. Widths, counts and kinds of its layers follow from its
tensor shapes. Attention heads and norms do not, but a ControlNet is trained from a copy of its
UNet, so these are copied from the UNet.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import CONFIG, Config, read_config
from engine.models.sd.plan.families import CONTROLNETS, FAMILIES, TEXT_WIDTHS, wrong_model_error
from engine.models.sd.plan.network_outline import NetworkOutline
from engine.models.sd.plan.original_names import (
    UNET,
    Stored,
    count_inside,
    diffusers_name,
    inner_tensors,
)
from engine.models.sd.plan.other_models import NO_CONTROLNETS, PART_CLASSES
from engine.models.tensor_file import TensorInfos
from engine.models.tensor_rule import require_known
from engine.models.weight_files import WeightFiles, find_weights, headers_of, weights_of

KIND = "ControlNetModel"
UNION = "ControlNetUnionModel"
ADAPTER = "T2IAdapter"
PUBLISHED_UNET: dict[str, Any] = {
    "in_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 1280,
    "projection_class_embeddings_input_dim": None,
}
"""Defaults of diffusers' UNet2DConditionModel and ControlNetModel, for the keys in which both must
agree."""
_UNET_KEYS = (
    "act_fn attention_head_dim num_attention_heads norm_num_groups norm_eps flip_sin_to_cos "
    "freq_shift "
    "downsample_padding mid_block_scale_factor resnet_time_scale_shift upcast_attention "
    "addition_time_embed_dim"
).split()
_ORIGINAL = (
    ("input_hint_block.0.", "controlnet_cond_embedding.conv_in."),
    ("input_hint_block.14.", "controlnet_cond_embedding.conv_out."),
    ("middle_block_out.0.", "controlnet_mid_block."),
)
_ZERO = re.compile(r"zero_convs\.(\d+)\.0\.(.+)")
_HINT = re.compile(r"input_hint_block\.(\d+)\.(.+)")
ORIGINAL = "control_model."
"""Prefix of a ControlNet's tensors in files of the original code, which may also hold the whole
model."""
PLAIN = (
    f"supported: a {KIND} or {UNION}, such as {CONTROLNETS['sd15']} or {CONTROLNETS['sdxl']}, and "
    f"a {ADAPTER} as a "
    "folder with a config.json (diffusers' layout)"
)
_UNION_TENSORS = re.compile(
    r"task_embedding|(spatial_ch_projs|control_add_embedding|transformer_layes)\..+"
)
"""Pattern of the tensors of a ControlNetUnionModel besides those of a ControlNetModel."""
_CONTROLNET_TENSORS = re.compile(
    r"(conv_in|time_embedding|add_embedding|down_blocks(?!\.\d+\.motion_modules)|mid_block|"
    r"controlnet_(cond_embedding|down_blocks|mid_block))\..+"
)
"""Pattern of the tensors of a ControlNetModel."""
_SHUFFLE = re.compile(r"_shuffle(_fp16)?$")
"""Stem of the one published ControlNet whose output is averaged over the picture; ComfyUI uses the
same test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlNetFiles:
    """A ControlNet, Union or T2I-Adapter on disk, described by its headers."""

    name: str
    """The name given by the user."""
    path: Path
    """A diffusers folder, or one file."""
    weights: WeightFiles
    tensors: TensorInfos
    """Those of its header, by their names in the file."""
    config: dict[str, Any]
    """config.json of the folder; for a file, derived from its shapes and the model's UNet."""
    notes: tuple[str, ...] = ()


def examine_controlnet(name: str, outline: NetworkOutline | None) -> ControlNetFiles:
    """Examine a ControlNet. ModelError in one line if `load` would refuse it. `outline`: that of
    its model, or None."""
    path = locate.find(name, files=locate.PART_FILES)
    if path.is_file():
        beside = find_weights(path.parent)
        is_of_folder = (
            beside is not None and path in beside.files and (path.parent / CONFIG).is_file()
        )
        files = _of_folder(name, path.parent) if is_of_folder else _of_file(name, path, outline)
    else:
        files = _of_folder(name, path)
    _require_usable(name, files.config)
    if outline is not None:
        require_fit(name, files.config, outline)
    return files


def _of_folder(name: str, path: Path) -> ControlNetFiles:
    if not (path / CONFIG).is_file() and (path / "controlnet" / CONFIG).is_file():
        path /= "controlnet"
    if not (path / CONFIG).is_file():
        single = sorted(path.glob("*.safetensors")) or sorted(path.glob("*.pth"))
        hint = f"; name the file itself: {single[0]}" if single else ""
        raise ModelError(
            f"{name}: not a diffusers ControlNet folder (config.json is missing){hint}"
        )
    config = read_config(name, path)
    kind = config.get("_class_name")
    if kind not in (KIND, UNION, ADAPTER):
        raise ModelError(
            f"{name}: {PART_CLASSES.get(str(kind), f'a {kind}')}, which is not supported; {PLAIN}"
        )
    weights = find_weights(path)
    if weights is None:
        raise ModelError(f"{name} has no weights{locate.how_to_get(name)}")
    tensors = headers_of(weights)
    if kind != ADAPTER:
        _require_known(name, tensors)
        is_union = kind == UNION or bool(config.get("num_control_type"))
        config |= _union_config(name, tensors, is_union=is_union)
    return ControlNetFiles(name=name, path=path, weights=weights, tensors=tensors, config=config)


def _of_file(name: str, path: Path, outline: NetworkOutline | None) -> ControlNetFiles:
    weights = weights_of(name, path)
    header = headers_of(weights)
    tensors = to_diffusers_names(header) | {
        name: header[name] for name in header.keys() & {"difference"}
    }
    _require_known(name, tensors)
    config = config_from(name, tensors, outline.unet if outline else {}) | _union_config(
        name, tensors
    )
    notes: tuple[str, ...] = ()
    if _SHUFFLE.search(path.stem):
        config["global_pool_conditions"] = True
        notes = (
            f"ControlNet {name}: named a shuffle one, so its output is averaged over the picture",
        )
    return ControlNetFiles(
        name=name, path=path, weights=weights, tensors=header, config=config, notes=notes
    )


def _union_config(name: str, tensors: TensorInfos, *, is_union: bool = False) -> dict[str, Any]:
    """The config keys that only a ControlNet Union has, from its shapes: published folders call
    themselves a ControlNetModel. Empty for a plain ControlNet. ModelError for an incomplete
    union."""
    task = tensors.get("task_embedding")
    out = tensors.get("spatial_ch_projs.weight")
    if task is None or out is None or len(task.shape) != 2:
        if is_union or any(map(_UNION_TENSORS.fullmatch, tensors)):
            raise ModelError(
                f"{name}: incomplete ControlNet Union, task_embedding or spatial_ch_projs is "
                "missing"
            )
        return {}
    return {
        "_class_name": UNION,
        "num_control_type": task.shape[0],
        "num_trans_channel": task.shape[1],
        "num_trans_layer": count_inside(tensors, "transformer_layes."),
        "num_proj_channel": out.shape[0],
    }


def _require_known(name: str, tensors: TensorInfos) -> None:
    """Raise ModelError for tensors that would be silently ignored, by the kind of file that has
    them if it is known."""
    known = (_CONTROLNET_TENSORS, _UNION_TENSORS)
    surplus = sorted(
        each for each in tensors if not any(pattern.fullmatch(each) for pattern in known)
    )
    for pattern, kind in NO_CONTROLNETS.items():
        if any(re.fullmatch(pattern, each) for each in surplus):
            raise ModelError(f"{name}: {kind}, which cannot be run as a ControlNet; {PLAIN}")
    require_known(name, "a ControlNet", surplus, why=PLAIN)


def _require_usable(name: str, config: Config) -> None:
    if config["_class_name"] == ADAPTER:
        if config.get("in_channels", 3) not in (1, 3):
            raise ModelError(
                f"{name}: takes pictures of {config['in_channels']} channels; supported: 1 and 3"
            )
        return
    if config.get("encoder_hid_dim"):
        raise ModelError(
            f"{name}: takes texts of another encoder (Kolors'?), which is not supported; {PLAIN}"
        )
    if config.get("class_embed_type") or config.get("num_class_embeds"):
        raise ModelError(f"{name}: takes classes beside the text, which is not supported; {PLAIN}")
    channels = config.get("conditioning_channels", 3)
    if channels != 3:
        raise ModelError(
            f"{name}: takes pictures of {channels} channels, not of 3 (red, green, blue); {PLAIN}"
        )
    order = config.get("controlnet_conditioning_channel_order", "rgb")
    if order not in ("rgb", "bgr"):
        raise ModelError(
            f"{name}: controlnet_conditioning_channel_order is {str(order)[:40]!r}; supported: "
            "rgb, bgr"
        )


def require_fit(name: str, config: Config, outline: NetworkOutline) -> None:
    """Raise ModelError, in one line, if a ControlNet with this configuration does not fit the
    outline's UNet."""
    model = outline.model
    unet = outline.unet
    if config.get("_class_name") == ADAPTER:
        _require_adapter_fit(name, config, outline)
        return
    if "mid_block_type" in unet and unet["mid_block_type"] is None:
        raise ModelError(
            f"{name}: a ControlNet adds to the middle block of a UNet, and that of {model} has "
            "none (a small distilled "
            "one); use a model with a whole UNet, such as "
            "stable-diffusion-v1-5/stable-diffusion-v1-5"
        )
    theirs = family_of(config)
    if theirs != outline.family:
        example = CONTROLNETS[outline.family]
        take = (
            f"one that fits: {example} ({locate.fetch_command(example, files=locate.PART_FILES)})"
        )
        what = f"{name}: a ControlNet"
        ours = FAMILIES[outline.family]
        raise wrong_model_error(what, FAMILIES[theirs], model, ours, take)
    for key, default in PUBLISHED_UNET.items():
        ours = _plain(unet.get(key, default))
        others = _plain(config.get(key, default))
        if ours != others:
            raise ModelError(
                f"{name}: a ControlNet made for another kind of {FAMILIES[theirs]} ({key} "
                f"{others}, {model} has {ours})"
            )


def _require_adapter_fit(name: str, config: Config, outline: NetworkOutline) -> None:
    is_xl = config.get("adapter_type", "full_adapter") == "full_adapter_xl"
    ours = outline.family
    if is_xl != (ours == "sdxl"):
        base = FAMILIES["sdxl" if is_xl else "sd15"]
        take = (
            "TencentARC publishes some for both (t2iadapter_canny_sd15v2, "
            "t2i-adapter-canny-sdxl-1.0)"
        )
        raise wrong_model_error(f"{name}: a T2I-Adapter", base, outline.model, FAMILIES[ours], take)
    widths = list(outline.unet.get("block_out_channels", PUBLISHED_UNET["block_out_channels"]))
    theirs = list(config.get("channels", PUBLISHED_UNET["block_out_channels"]))
    if theirs[: len(widths)] != widths[: len(theirs)]:
        raise ModelError(
            f"{name}: a T2I-Adapter for another UNet (channels {theirs}, {outline.model} has "
            f"{widths})"
        )


def family_of(config: Config) -> str:
    """The family of the UNet that a ControlNet was made for: sd15, sd21 or sdxl."""
    if config.get("addition_embed_type") == "text_time":
        return "sdxl"
    base = TEXT_WIDTHS.get(config.get("cross_attention_dim", 0), "")
    by_name = {name: family for family, name in FAMILIES.items()}
    return by_name.get(base) or ("sd21" if config.get("use_linear_projection") else "sd15")


def _plain(value: Any) -> Any:
    """Replace a list of equal values by that value."""
    if isinstance(value, (list, tuple)):
        return value[0] if len({str(each) for each in value}) == 1 else list(value)
    return value


def to_diffusers_names(stored: Mapping[str, Stored]) -> dict[str, Stored]:
    """Rename the tensors of a file, or their descriptions, to diffusers' names; only the
    ControlNet's if the file contains more. The layout may be that of the original ControlNet
    code."""
    tensors = inner_tensors(stored, ORIGINAL) or dict(stored)
    if "time_embed.0.weight" not in tensors:
        return tensors
    halving = (name for name in tensors if re.fullmatch(r"input_blocks\.\d+\.0\.op\.weight", name))
    layers = min((int(name.split(".")[1]) for name in halving), default=3) - 1
    return {_diffusers_name(name, layers): tensor for name, tensor in tensors.items()}


def _diffusers_name(name: str, layers: int) -> str:
    for start, ours in _ORIGINAL:
        if name.startswith(start):
            return ours + name.removeprefix(start)
    if found := _ZERO.fullmatch(name):
        return f"controlnet_down_blocks.{found[1]}.{found[2]}"
    if found := _HINT.fullmatch(name):
        return f"controlnet_cond_embedding.blocks.{int(found[1]) // 2 - 1}.{found[2]}"
    return diffusers_name(UNET + name, layers) or name


def config_from(name: str, tensors: TensorInfos, unet: Config) -> dict[str, Any]:
    """The config.json of a ControlNetModel with these `tensors` (by diffusers' names). `unet`: the
    model's UNet config. ModelError if they are not a complete ControlNet."""
    widths: list[int] = []
    while (first := tensors.get(f"down_blocks.{len(widths)}.resnets.0.conv1.weight")) is not None:
        widths.append(first.shape[0])
    needed = (
        "conv_in.weight",
        "controlnet_cond_embedding.conv_in.weight",
        "controlnet_mid_block.weight",
    )
    absent = [each for each in needed if each not in tensors] + (
        [] if widths else ["down_blocks.0"]
    )
    if absent:
        raise ModelError(f"{name}: incomplete ControlNet, {absent[0]} is missing")
    layers = count_inside(tensors, "down_blocks.0.resnets.")
    added_up = count_inside(tensors, "controlnet_down_blocks.")
    expected = 1 + len(widths) * layers + len(widths) - 1
    if added_up != expected:
        raise ModelError(
            f"{name}: incomplete ControlNet, it has {added_up} of {expected} controlnet_down_blocks"
        )
    depths = [_depth(tensors, f"down_blocks.{level}.") for level in range(len(widths))]
    linear = tensors.get(_first(tensors, ".proj_in.weight"))
    text = tensors.get(_first(tensors, ".attn2.to_k.weight"))
    added = tensors.get("add_embedding.linear_1.weight")
    hints = [tensors["controlnet_cond_embedding.conv_in.weight"].shape[0]]
    while (
        wider := tensors.get(f"controlnet_cond_embedding.blocks.{2 * len(hints) - 1}.weight")
    ) is not None:
        hints.append(wider.shape[0])
    has_middle_attention = bool(_first(tensors, "", start="mid_block.attentions.0."))
    return {key: unet[key] for key in _UNET_KEYS if unet.get(key) is not None} | {
        "_class_name": KIND,
        "in_channels": tensors["conv_in.weight"].shape[1],
        "conditioning_channels": tensors["controlnet_cond_embedding.conv_in.weight"].shape[1],
        "conditioning_embedding_out_channels": hints,
        "block_out_channels": widths,
        "layers_per_block": layers,
        "down_block_types": [
            "DownBlock2D" if depth is None else "CrossAttnDownBlock2D" for depth in depths
        ],
        "mid_block_type": "UNetMidBlock2DCrossAttn" if has_middle_attention else "UNetMidBlock2D",
        "transformer_layers_per_block": [
            *(depth or 0 for depth in depths[:-1]),
            (_depth(tensors, "mid_block.") if has_middle_attention else depths[-1]) or 0,
        ],
        "cross_attention_dim": text.shape[1] if text else unet.get("cross_attention_dim", 1280),
        "use_linear_projection": len(linear.shape) == 2
        if linear
        else bool(unet.get("use_linear_projection")),
        "addition_embed_type": "text_time" if added else None,
        "projection_class_embeddings_input_dim": added.shape[1] if added else None,
    }


def _depth(tensors: TensorInfos, block: str) -> int | None:
    """Transformer layers of a block, or None if it has no attention."""
    if not _first(tensors, "", start=f"{block}attentions.0."):
        return None
    return count_inside(tensors, f"{block}attentions.0.transformer_blocks.")


def _first(tensors: TensorInfos, end: str, *, start: str = "") -> str:
    return next((name for name in tensors if name.startswith(start) and name.endswith(end)), "")
