"""Examines a ControlNet, a folder or a file, by its JSON and headers. Does not load torch."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import CONFIG, read_config
from engine.models.safetensors_header import Tensor
from engine.models.sd.plan.controlnet_config import KIND, as_diffusers, config_from, require_fit
from engine.models.sd.plan.families import CONTROLNETS
from engine.models.sd.plan.network_outline import NetworkOutline
from engine.models.sd.plan.other_models import PART_CLASSES
from engine.models.sd.plan.tensor_file import headers_of, weights_of
from engine.models.weight_files import Weights, weights_in

ORIGINAL = "control_model."
"""Prefix of a ControlNet's tensors in files of the original code, which may also hold the whole model."""
PLAIN = f"supported: a plain {KIND}, such as {CONTROLNETS['sd15']} or {CONTROLNETS['sdxl']}"
_UNION = PART_CLASSES["ControlNetUnionModel"]
_T2I = PART_CLASSES["T2IAdapter"]
_BY_TENSORS = (
    (r"task_embedding|spatial_ch_projs\..+|control_add_embedding\..+|transformer_layes\..+", _UNION),
    (r"lora_controlnet", "a Control-LoRA (Stability AI's), which patches the model's own UNet"),
    (r"lllite_\w+\..+", "a ControlNet-LLLite (kohya's), which patches the model's own UNet"),
    (r"difference", "the difference between a ControlNet and its model's UNet"),
    (r"adapter\.body\..+|(module\.)?body\.\d+\.(in_conv|block1|block2|body|resnets)\..+", _T2I),
    (r"transformer_layes\.0\..+|style_embedding", f"{_T2I} for style"),
    (
        r"(control_)?(model\.)?(double_blocks|transformer_blocks|joint_blocks|controlnet_blocks)\.\d+\..+",
        "a ControlNet for a transformer (SD 3, Flux)",
    ),
    (r"model\.diffusion_model\..+", "a whole checkpoint without a ControlNet in it"),
    (r"lora_unet_.+|(unet\.|base_model\.).+lora.+", "a LoRA"),
    (r"down_blocks\.\d+\.motion_modules\..+", "a SparseCtrl for AnimateDiff"),
)
"""Patterns of tensors that only this kind of file has."""
_KNOWN = re.compile(
    r"(conv_in|time_embedding|add_embedding|down_blocks|mid_block|controlnet_(cond_embedding|down_blocks|mid_block))\..+"
)
"""Pattern of the tensors of a ControlNetModel."""
_SHUFFLE = re.compile(r"_shuffle(_fp16)?$")
"""Stem of the one published ControlNet whose output is averaged over the picture; ComfyUI uses the same test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlNetFiles:
    name: str
    """The name as the user gave it."""
    path: Path
    """A diffusers folder, or one file."""
    weights: Weights
    config: dict[str, Any]
    """config.json of the folder; for a file, derived from its shapes and the model's UNet."""
    notes: tuple[str, ...] = ()


def examine_controlnet(name: str, outline: NetworkOutline | None) -> ControlNetFiles:
    """Examine a ControlNet. ModelError in one line if `load` would refuse it. `outline`: that of its model, if
    known."""
    path = locate.find(name, files=locate.PART_FILES)
    if path.is_file():
        beside = weights_in(path.parent)
        is_of_folder = beside is not None and path in beside.files and (path.parent / CONFIG).is_file()
        files = _of_folder(name, path.parent) if is_of_folder else _of_file(name, path, outline)
    else:
        files = _of_folder(name, path)
    _require_usable(name, files.config)
    if outline is not None:
        require_fit(name, files.config, outline)
    return files


def without_prefix(names: Collection[str]) -> dict[str, str]:
    """Names in a file by the network's names without prefix; only the ControlNet's if the file contains more."""
    if any(name.startswith(ORIGINAL) for name in names):
        return {name.removeprefix(ORIGINAL): name for name in names if name.startswith(ORIGINAL)}
    return {name: name for name in names}


def is_original(names: Collection[str]) -> bool:
    """True for the layout of the original ControlNet code, not diffusers'; `names` without prefix."""
    return "time_embed.0.weight" in names


def _of_folder(name: str, path: Path) -> ControlNetFiles:
    if not (path / CONFIG).is_file() and (path / "controlnet" / CONFIG).is_file():
        path /= "controlnet"
    if not (path / CONFIG).is_file():
        single = sorted(path.glob("*.safetensors")) or sorted(path.glob("*.pth"))
        hint = f"; name the file itself: {single[0]}" if single else ""
        raise ModelError(f"{name}: not a diffusers ControlNet folder (config.json is missing){hint}")
    config = read_config(name, path)
    kind = config.get("_class_name")
    if kind != KIND:
        raise ModelError(f"{name}: {PART_CLASSES.get(str(kind), f'a {kind}')}, which is not supported; {PLAIN}")
    weights = weights_in(path)
    if weights is None:
        raise ModelError(f"{name} has no weights{locate.how_to_get(name)}")
    _require_known(name, headers_of(weights))
    return ControlNetFiles(name=name, path=path, weights=weights, config=config)


def _of_file(name: str, path: Path, outline: NetworkOutline | None) -> ControlNetFiles:
    weights = weights_of(name, path)
    held = headers_of(weights)
    tensors = {ours: held[theirs] for ours, theirs in without_prefix(held).items()}
    if "difference" in held:
        tensors["difference"] = held["difference"]
    _require_no_other(name, tensors)
    if is_original(tensors):
        tensors = as_diffusers(tensors)
    _require_known(name, tensors)
    config = config_from(name, tensors, outline.unet if outline else {})
    notes: tuple[str, ...] = ()
    if _SHUFFLE.search(path.stem):
        config["global_pool_conditions"] = True
        notes = (f"ControlNet {name}: named a shuffle one, so its output is averaged over the picture",)
    return ControlNetFiles(name=name, path=path, weights=weights, config=config, notes=notes)


def _require_known(name: str, tensors: Mapping[str, Tensor]) -> None:
    """Raise ModelError for tensors that would be silently ignored."""
    surplus = sorted(each for each in tensors if not _KNOWN.fullmatch(each))
    if surplus:
        _require_no_other(name, tensors)
        raise ModelError(f"{name}: {len(surplus)} tensors are not a ControlNet's, the first is {surplus[0]}; {PLAIN}")


def _require_no_other(name: str, tensors: Mapping[str, Tensor]) -> None:
    for pattern, kind in _BY_TENSORS:
        if any(re.fullmatch(pattern, each) for each in tensors):
            raise ModelError(f"{name}: {kind}, which cannot be run as a ControlNet; {PLAIN}")


def _require_usable(name: str, config: Mapping[str, Any]) -> None:
    if config.get("num_control_type"):
        raise ModelError(f"{name}: {_UNION}, which is not supported; {PLAIN}")
    if config.get("encoder_hid_dim"):
        raise ModelError(f"{name}: takes texts of another encoder (Kolors'?), which is not supported; {PLAIN}")
    if config.get("class_embed_type") or config.get("num_class_embeds"):
        raise ModelError(f"{name}: takes classes beside the text, which is not supported; {PLAIN}")
    channels = config.get("conditioning_channels", 3)
    if channels != 3:
        raise ModelError(f"{name}: takes pictures of {channels} channels, not of 3 (red, green, blue); {PLAIN}")
    order = config.get("controlnet_conditioning_channel_order", "rgb")
    if order not in ("rgb", "bgr"):
        raise ModelError(f"{name}: controlnet_conditioning_channel_order is {str(order)[:40]!r}; supported: rgb, bgr")
