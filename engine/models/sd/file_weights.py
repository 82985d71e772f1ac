"""Loads diffusers' networks from folders and single files, strictly: every tensor must be used.

Single files have other names, which diffusers converts. Never executes code from a file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.plain_config import Config
from engine.models.pretrained import load_network, one_line
from engine.models.quantized import dequantize
from engine.models.sd.control_nets import T2IAdapterNet
from engine.models.sd.plan.controlnet_file import ADAPTER, ControlNetFiles, to_diffusers_names
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.original_names import (
    CLIP_PARTS,
    ENCODERS,
    UNET,
    diffusers_name,
    text_weights,
)
from engine.models.sd.plan.single_file import (
    CLASSES,
    DEPTH,
    TEXT_CLASSES,
    VAE,
    SingleFile,
    text_parts,
)
from engine.models.sd.plan.vae_choice import (
    TINY,
    VaeChoice,
    is_original_vae,
    join_halves,
    vae_tensors,
)
from engine.models.tensor_rule import ANOTHER, require_known, require_same
from engine.models.weight_files import WeightFiles, find_weights, read_tensors

Tensors = dict[str, torch.Tensor]
_OLD_VAE_NAMES = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}
"""diffusers before 0.17 named a VAE's attention differently, as sd-vae-ft-mse still does."""


def read_vae(single: SingleFile, folder: DiffusersFolder, dtype: torch.dtype) -> Any:
    """Load the VAE of a checkpoint on the CPU, with the configuration in `folder`. Never converted
    through float16, in which it would lose precision. ModelError in one line."""
    tensors = vae_tensors(dict(_tensors(single, (VAE,))))
    return _vae(
        CLASSES["vae"], tensors, folder.config("vae/config.json"), dtype, f"{single.path}: vae"
    )


def read_unet(single: SingleFile | None, folder: DiffusersFolder, dtype: torch.dtype) -> Any:
    """Load the UNet of a file, or of `folder`, on the CPU, with the configuration in `folder`."""
    if single is None:
        tensors = read_tensors(*weights_for(folder.path / "unet", dtype).files)
        return _build_network(CLASSES["unet"], folder.unet, tensors, dtype, f"{folder.name}/unet")
    layers = folder.unet.get("layers_per_block", 2)
    tensors = {}
    for name, tensor in _tensors(single, (UNET,)):
        tensors[diffusers_name(name, layers) or name] = tensor.to(dtype)
    return _build_network(CLASSES["unet"], folder.unet, tensors, dtype, f"{single.path}: unet")


def read_text_encoders(
    single: SingleFile, folder: DiffusersFolder, dtype: torch.dtype
) -> tuple[Any, ...]:
    """Load the text encoders of a checkpoint on the CPU. ModelError in one line."""
    parts = text_parts(single.family)
    starts = tuple(start for part in parts for start in ENCODERS[part])
    tensors = dict(_tensors(single, starts))  # at once: a pickle may have to be read whole
    encoders = []
    for part in parts:
        config = folder.config(f"{part}/config.json")
        own = text_weights(tensors, ENCODERS[part], config.get("num_hidden_layers", DEPTH))
        named = {
            f"text_model.{name}" if name.startswith(CLIP_PARTS) else name: own[name] for name in own
        }
        files = WeightFiles(files=(single.path,), variant=None, is_pickle=single.file.is_pickle)
        encoders.append(
            load_network(
                TEXT_CLASSES[part], files, config, dtype, f"{single.path}: {part}", tensors=named
            )
        )
    return tuple(encoders)


def weights_for(folder: Path, dtype: torch.dtype) -> WeightFiles:
    """The weights of a folder to load in `dtype`: half precision if that is enough. ModelError if
    there are none."""
    weights = find_weights(folder, wants_half=dtype != torch.float32)
    if weights is None:
        raise ModelError(f"{folder}: has no weights")
    return weights


def _build_network(
    kind: str, config: Config, tensors: Tensors, dtype: torch.dtype, what: str
) -> Any:
    """Build a network of diffusers' class `kind`. ModelError for a missing, unexpected or
    differently shaped tensor."""
    import diffusers

    with torch.device("meta"):
        module = getattr(diffusers, kind).from_config(config)
    expected = module.state_dict()
    require_same(what, f"a {kind}", expected, tensors)
    module.load_state_dict({name: tensors[name] for name in expected}, assign=True)
    return module.to(dtype)


def _tensors(single: SingleFile, starts: tuple[str, ...]) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors whose names (in `single`) begin with one of `starts`; quantized ones times their
    scale, float32."""
    quantized = single.quantized
    with single.file.opened() as stored:
        for name, own_name in single.stored.items():
            if not name.startswith(starts):
                continue
            weight = stored[own_name]
            scale = quantized.scales.get(own_name)
            if scale is not None:
                group = quantized.groups.get(own_name, 1)
                weight = dequantize(weight, stored[scale], group)
            yield name, weight.reshape(single.tensors[name].shape)


def load_vae(choice: VaeChoice, dtype: torch.dtype) -> Any:
    """Load an AutoencoderKL or AutoencoderTiny that is not in the model's file, on the CPU.
    ModelError in one line."""
    if choice.weights is None:
        raise ModelError("the VAE is not in a separate file")
    files = choice.weights.files
    what = str(choice.folder or files[0])
    with one_line(what):
        if choice.folder is not None:
            tensors = read_tensors(*weights_for(choice.folder, dtype).files)
        elif len(files) > 1:  # a TAESD's two halves
            tensors = join_halves(*map(read_tensors, files))
        else:
            tensors = vae_tensors(read_tensors(*files))
        return _vae(choice.kind, tensors, choice.config, dtype, what)


def _vae(kind: str, tensors: Tensors, config: Config, dtype: torch.dtype, what: str) -> Any:
    """Build a VAE. `tensors`: by names without a prefix, those of the original code or of
    diffusers."""
    if kind != TINY and is_original_vae(tensors):
        from engine.models.compat.diffusers import convert_ldm_vae_checkpoint

        stored = tensors
        tensors = convert_ldm_vae_checkpoint(tensors, config)
        # it leaves out what it does not know; attention is reshaped
        used = {id(tensor) for tensor in tensors.values()}
        lost = [
            name
            for name, tensor in stored.items()
            if id(tensor) not in used and ".mid.attn_1." not in name
        ]
        require_known(what, f"a {kind}", lost, why=ANOTHER)
    for old, new in _OLD_VAE_NAMES.items():
        tensors = {
            name.replace(old, new) if ".attentions." in name else name: tensor
            for name, tensor in tensors.items()
        }
    return _build_network(kind, config, tensors, dtype, what)


def load_controlnet(files: ControlNetFiles, dtype: torch.dtype) -> Any:
    """A diffusers ControlNetModel (Zhang et al. 2023), ControlNetUnionModel or T2IAdapter on the
    CPU; every tensor must be used. ModelError in one line."""
    kind = files.config["_class_name"]
    weights = weights_for(files.path, dtype) if files.path.is_dir() else files.weights
    with one_line(files.name):
        tensors = to_diffusers_names(read_tensors(*weights.files))
        network = _build_network(kind, files.config, tensors, dtype, files.name)
        return T2IAdapterNet(network) if kind == ADAPTER else network
