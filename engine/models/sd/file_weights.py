"""Loads networks from single files with diffusers' name conversion, strictly. Never executes code from a file."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.gguf_file import gguf_numbers, read_gguf
from engine.models.pickle_file import STATE_DICT
from engine.models.plain_config import CONFIG
from engine.models.pretrained import architecture, one_line, pretrained
from engine.models.sd.plan.controlnet_file import (
    ADAPTER,
    KIND,
    ControlNetFiles,
    as_diffusers,
    controlnet_names,
    is_original_controlnet,
)
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.original_names import UNET, diffusers_name
from engine.models.sd.plan.single_file import CLASSES, PARTS, TEXT_CLASSES, VAE, SingleFile
from engine.models.sd.plan.tensor_file import read_tensors
from engine.models.sd.plan.vae_choice import TINY, VaeChoice, is_original_vae, joined_halves, vae_names
from engine.models.sd.t2i_adapter import Adapter

Tensors = dict[str, torch.Tensor]
_OLD_VAE_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""diffusers before 0.17 named a VAE's attention differently, as sd-vae-ft-mse still does."""


def read_vae(single: SingleFile, folder: DiffusersFolder, dtype: torch.dtype) -> Any:
    """Load the VAE of a checkpoint on the CPU, with the configuration in `folder`. Never converted through float16, in
    which it would lose precision. ModelError in one line."""
    held = dict(_tensors(single, (VAE,)))
    tensors = {ours: held[theirs] for ours, theirs in vae_names(held).items()}
    return _vae(CLASSES["vae"], tensors, folder.config("vae/config.json"), dtype, f"{single.path}: vae")


def read_unet(single: SingleFile, folder: DiffusersFolder, dtype: torch.dtype) -> Any:
    """Load the UNet of a file on the CPU, with the configuration in `folder`, strictly: every tensor has a place."""
    layers = folder.unet.get("layers_per_block", 2)
    tensors = {}
    for name, tensor in _tensors(single, (UNET,)):
        tensors[diffusers_name(name, layers) or name] = tensor.to(dtype)
    return _filled(CLASSES["unet"], folder.unet, tensors, dtype, f"{single.path}: unet")


def read_text_encoders(single: SingleFile, folder: DiffusersFolder, dtype: torch.dtype) -> tuple[Any, ...]:
    """Load the text encoders of a checkpoint on the CPU. ModelError in one line. diffusers' conversion reads their
    configurations from disk: from a folder where they have only the networks' shape."""
    import transformers
    from diffusers.loaders import single_file_utils

    utils: Any = single_file_utils  # not annotated
    starts = PARTS[single.family]
    tensors = dict(_tensors(single, tuple(starts.values())))  # at once: a pickle may have to be read whole
    encoders = []
    with tempfile.TemporaryDirectory(prefix="multiverse-config-", ignore_cleanup_errors=True) as place:
        for part, start in starts.items():
            kind = getattr(transformers, TEXT_CLASSES[part])
            config = architecture(kind.config_class, folder.config(f"{part}/config.json"), f"{folder.name}/{part}")
            (Path(place) / part).mkdir()
            (Path(place) / part / CONFIG).write_text(json.dumps(config.to_dict()), encoding="utf-8")
            encoder = utils.create_diffusers_clip_model_from_ldm(
                kind,
                checkpoint={name: tensor for name, tensor in tensors.items() if name.startswith(start)},
                subfolder=part,
                config=place,
                torch_dtype=dtype,
                local_files_only=True,
            )
            if absent := sorted(name for name, parameter in encoder.named_parameters() if parameter.is_meta):
                what = f"{single.path}: {part}"
                raise ModelError(f"{what}: {len(absent)} tensors are missing, the first is {absent[0]}")
            encoders.append(encoder)
    return tuple(encoders)


def _filled(kind: str, config: dict[str, Any], tensors: Tensors, dtype: torch.dtype, what: str) -> Any:
    """A network of diffusers' class `kind`, in `dtype`. ModelError in one line if a tensor is missing, unexpected, or
    has another shape."""
    import diffusers

    with torch.device("meta"):
        module = getattr(diffusers, kind).from_config(config)
    wanted = module.state_dict()
    absent, surplus = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    absent += [name for name in wanted.keys() & tensors.keys() if wanted[name].shape != tensors[name].shape]
    if absent:
        raise ModelError(f"{what}: {len(absent)} tensors are missing or have another shape, the first is {absent[0]}")
    if surplus:
        raise ModelError(f"{what}: {len(surplus)} tensors do not belong to it, the first is {surplus[0]}")
    module.load_state_dict(tensors, assign=True)
    return module.to(dtype)


def _tensors(single: SingleFile, starts: tuple[str, ...]) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors whose names (in `single`) begin with one of `starts`; quantized ones times their scale, float32."""
    wanted = {name: stored for name, stored in single.stored.items() if name.startswith(starts)}
    scales = single.quantized.scales
    if single.is_pickle:
        # Its header was checked before: it imports only what tensors need.
        stored = torch.load(single.path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(single.path))
        held = stored.get(STATE_DICT, stored)
        yield from ((name, held[stored]) for name, stored in wanted.items())
    elif single.is_gguf:
        listed = read_gguf(single.path)
        for name, stored in wanted.items():
            yield name, torch.from_numpy(gguf_numbers(single.path, *listed[stored]))
    else:
        from safetensors import safe_open

        with safe_open(single.path, framework="pt") as file:
            for name, stored in wanted.items():
                weight = file.get_tensor(stored)
                yield name, _scaled(weight, file.get_tensor(scales[stored])) if stored in scales else weight


def _scaled(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The weight that is meant, float32. `scale`: one number, or one for each row."""
    return weight.float() * scale.float().reshape(-1, *[1] * (weight.ndim - 1))


def load_vae_file(choice: VaeChoice, dtype: torch.dtype) -> Any:
    """Load the AutoencoderKL or AutoencoderTiny of a choice that is a file, on the CPU. ModelError in one line."""
    if choice.weights is None:
        raise ModelError("the VAE is not in a separate file")
    files = choice.weights.files
    with one_line(str(files[0])):
        if len(files) > 1:  # a TAESD's two halves
            tensors = joined_halves(*map(read_tensors, files))
        else:
            read = read_tensors(files[0])
            tensors = {ours: read[theirs] for ours, theirs in vae_names(read).items()}
        return _vae(choice.kind, tensors, choice.config, dtype, str(files[0]))


def _vae(kind: str, tensors: Tensors, config: dict[str, Any], dtype: torch.dtype, what: str) -> Any:
    """`tensors`: by their names without a prefix, of the original code or of diffusers."""
    from diffusers.loaders import single_file_utils

    if kind != TINY and is_original_vae(tensors):
        utils: Any = single_file_utils  # not annotated
        tensors = utils.convert_ldm_vae_checkpoint(tensors, config)
    for old, new in _OLD_VAE_NAMES.items():
        tensors = {
            name.replace(old, new) if ".attentions." in name else name: tensor for name, tensor in tensors.items()
        }
    return _filled(kind, config, tensors, dtype, what)


def load_controlnet(files: ControlNetFiles, dtype: torch.dtype) -> Any:
    """A diffusers ControlNetModel (Zhang et al. 2023), ControlNetUnionModel or T2IAdapter on the CPU; every tensor must
    be used. ModelError in one line."""
    kind = files.config["_class_name"]
    if files.path.is_dir() and kind in (KIND, ADAPTER):
        network = pretrained(kind, files.path, "", dtype, files.name)
        return Adapter(network) if kind == ADAPTER else network
    with one_line(files.name):
        read = {name: tensor for file in files.weights.files for name, tensor in read_tensors(file).items()}
        tensors = {ours: read[theirs] for ours, theirs in controlnet_names(read).items()}
        if is_original_controlnet(tensors):
            tensors = as_diffusers(tensors)
        return _filled(kind, files.config, tensors, dtype, files.name)
