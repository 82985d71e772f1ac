"""Examines a UNet that replaces the model's own: SDXL-Lightning, DMD2, Hyper-SD and NitroFusion
publish only that.

A file has the names of diffusers, of ComfyUI (`diffusion_model.`) or of the original code, with or
without its prefix; a folder has a config.json. In both cases the description has the original
names, so that the checks and the loading are those of a whole checkpoint. Does not load torch.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.locate import published_name
from engine.models.plain_config import CONFIG, read_config
from engine.models.sd.plan.families import FAMILIES, wrong_model_error
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.original_names import UNET, original_name
from engine.models.sd.plan.other_models import kind_of
from engine.models.sd.plan.single_file import CLASSES, SingleFile, describe_checkpoint
from engine.models.sd.plan.unet_config import require_same_blocks
from engine.models.tensor_file import TensorInfos
from engine.models.weight_files import find_weights, open_checkpoint

PREFIXES = (UNET, "diffusion_model.", "unet.", "")
_FIRSTS = ("input_blocks.0.0.weight", "conv_in.weight")
"""The first convolution, by the original code and by diffusers."""
_GENERIC = ("diffusion_pytorch_model", "diffusion_pytorch_model.fp16", "unet")
_GUIDANCE_INPUT = f"{UNET}time_embed.cond_proj.weight"


def examine_unet(name: str) -> tuple[SingleFile, dict[str, Any]]:
    """Examine the UNet called `name`, a file, folder or id; also its config.json, {} for a file.
    ModelError in one line, with the actual kind, if it is not a UNet of Stable Diffusion."""
    path = locate.find(name, files=locate.PART_FILES)
    file = path
    config = {}
    if path.is_dir():
        config = _config(name, path)
        weights = find_weights(path)
        if weights is None or len(weights.files) > 1:
            found = f"{len(weights.files)} files of weights" if weights else "no weights"
            raise ModelError(f"{name}: has {found}; name one file with the whole UNet")
        file = next(iter(weights.files))
    elif path.stem in _GENERIC and (path.parent / CONFIG).is_file():
        config = _config(name, path.parent)
    opened = open_checkpoint(file)
    start = _prefix(name, opened.tensors)
    own = {each.removeprefix(start): each for each in opened.tensors if each.startswith(start)}
    if _FIRSTS[1] in own:
        layers = len(
            {each.split(".")[3] for each in own if each.startswith("down_blocks.0.resnets.")}
        )
        named = {original_name(each, layers): stored_name for each, stored_name in own.items()}
    else:
        named = {UNET + each: stored_name for each, stored_name in own.items()}
    return describe_checkpoint(opened, named, _public_name(file)), config


def with_unet(
    folder: DiffusersFolder, unet: SingleFile, config: Mapping[str, Any]
) -> DiffusersFolder:
    """Replace the UNet's configuration in `folder` by that of `unet`. ModelError if it does not
    fit. A file has none: it is built like the model's own UNet, plus a guidance input if it has the
    tensor for one."""
    what = str(unet.path)
    if folder.family != unet.family:
        take = f"use a UNet for {FAMILIES[folder.family]}"
        theirs = FAMILIES[unet.family]
        ours = FAMILIES[folder.family]
        raise wrong_model_error(f"{what}: a UNet", theirs, folder.name, ours, take)
    guided = unet.tensors.get(_GUIDANCE_INPUT)
    changed = folder.with_unet(
        config or folder.unet | {"time_cond_proj_dim": guided.shape[1] if guided else None}
    )
    require_same_blocks(what, unet.family, unet.tensors, changed.unet)
    return changed


def _config(name: str, folder: Path) -> dict[str, Any]:
    config = read_config(name, folder)
    kind = config.get("_class_name")
    if kind != CLASSES["unet"]:
        raise ModelError(
            f"{name}: its {CONFIG} describes {kind or 'something else'}, not a {CLASSES['unet']}"
        )
    return config


def _prefix(name: str, tensors: TensorInfos) -> str:
    for start in PREFIXES:
        if any(start + first in tensors for first in _FIRSTS):
            return start
    raise ModelError(f"{name}: {kind_of(tensors)}, and not a UNet")


def _public_name(file: Path) -> str:
    """The file's name, or that of its folder or repository if it is generic."""
    if file.stem not in _GENERIC:
        return ""
    return published_name(file).rpartition("/")[0].rpartition("/")[2] or file.parent.name
