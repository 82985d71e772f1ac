"""Loads networks from single files with diffusers' name conversion, strictly. Never executes code from a file."""

import json
import tempfile
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.pickle_file import STATE_DICT
from engine.models.pretrained import architecture, notes_of, one_line, pickle_notes, pretrained
from engine.models.sd.plan.controlnet_file import KIND, ControlNetFiles, controlnet_names, is_original_controlnet
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.original_names import UNET, diffusers_name
from engine.models.sd.plan.single_file import CLASSES, PARTS, TEXT_CLASSES, VAE, SingleFile
from engine.models.sd.plan.tensor_file import fill, read_tensors
from engine.models.sd.plan.vae_choice import TINY, VaeChoice, is_original_vae, pair_names, vae_names

Tensors = dict[str, torch.Tensor]
_SIZE_EMBEDDING = {"label_emb.0.0.": "add_embedding.linear_1.", "label_emb.0.2.": "add_embedding.linear_2."}
"""SDXL's size embedding by its original names, which diffusers' conversion of ControlNets leaves out."""
_OLD_VAE_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""diffusers before 0.17 named a VAE's attention differently, as sd-vae-ft-mse still does."""


def read(
    single: SingleFile, folder: DiffusersFolder, dtype: torch.dtype, vae_dtype: torch.dtype, wanted: Collection[str]
) -> dict[str, Any]:
    """Load the `wanted` of unet, vae and text_encoders, on the CPU in `dtype`, the VAE in `vae_dtype`. The VAE is never
    converted through float16, which would lose precision. `folder` describes the file. ModelError in one line if a
    tensor is missing. Only tensors that these networks need are read, and no averaged weights (`model_ema.`)."""
    starts = {"vae": VAE} if "vae" in wanted else {}
    texts = PARTS[single.family] if "text_encoders" in wanted else {}
    tensors = _tensors(single, (*starts.values(), *texts.values()))
    parts: dict[str, Any] = {}
    if "unet" in wanted:
        parts["unet"] = read_unet(single, folder, dtype)
    with tempfile.TemporaryDirectory(prefix="multiverse-config-", ignore_cleanup_errors=True) as place:
        for part, start in (starts | texts).items():
            _write_plain(Path(place) / part, folder, part)
            own = {name: tensor for name, tensor in tensors.items() if name.startswith(start)}
            try:
                parts[part] = _network(part, own, place, vae_dtype if part == "vae" else dtype)
            except NotImplementedError:  # diffusers fails when it moves a network with a missing tensor
                raise ModelError(f"{single.path}: {part} lacks a tensor that its configuration needs") from None
            _require_complete(f"{single.path}: {part}", parts[part])
    networks: dict[str, Any] = {part: parts[part] for part in ("unet", *starts) if part in parts}
    if "text_encoders" in wanted:
        networks["text_encoders"] = tuple(parts[part] for part in texts)
    return networks


def read_unet(single: SingleFile, folder: DiffusersFolder, dtype: torch.dtype) -> Any:
    """Load the UNet of a file on the CPU, with the configuration in `folder`, strictly: every tensor has a place."""
    import diffusers

    layers = folder.unet.get("layers_per_block", 2)
    tensors = {}
    for name, tensor in _tensors(single, (UNET,)).items():
        tensors[diffusers_name(name, layers) or name] = tensor.to(dtype)
    with torch.device("meta"):
        module = getattr(diffusers, CLASSES["unet"]).from_config(folder.unet)
    return fill(module, tensors, dtype, f"{single.path}: unet")


def _network(part: str, tensors: Tensors, place: str, dtype: torch.dtype) -> Any:
    if part in CLASSES:
        import diffusers

        kind = getattr(diffusers, CLASSES[part])
        return kind.from_single_file(tensors, config=place, subfolder=part, dtype=dtype, local_files_only=True)
    import transformers
    from diffusers.loaders import single_file_utils

    utils: Any = single_file_utils  # not annotated
    return utils.create_diffusers_clip_model_from_ldm(
        getattr(transformers, TEXT_CLASSES[part]),
        checkpoint=tensors,
        subfolder=part,
        config=place,
        torch_dtype=dtype,
        local_files_only=True,
    )


def _require_complete(what: str, network: Any) -> None:
    absent = sorted(name for name, parameter in network.named_parameters() if parameter.is_meta)
    if absent:
        raise ModelError(f"{what}: {len(absent)} tensors are missing, the first is {absent[0]}")


def _tensors(single: SingleFile, starts: tuple[str, ...]) -> Tensors:
    """The tensors whose names (in `single`) begin with one of `starts`; quantized ones times their scale, float32."""
    wanted = {name: stored for name, stored in single.stored.items() if name.startswith(starts)}
    scales = single.quantized.scales
    if single.is_pickle:
        # Its header was checked before: it imports only what tensors need.
        stored = torch.load(single.path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(single.path))
        held = stored.get(STATE_DICT, stored)
        return {name: held[stored] for name, stored in wanted.items()}
    from safetensors import safe_open

    with safe_open(single.path, framework="pt") as file:
        return {
            name: _scaled(file.get_tensor(stored), file.get_tensor(scales[stored]))
            if stored in scales
            else file.get_tensor(stored)
            for name, stored in wanted.items()
        }


def _scaled(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The weight that is meant, float32. `scale`: one number, or one for each row."""
    return weight.float() * scale.float().reshape(-1, *[1] * (weight.ndim - 1))


def _write_plain(place: Path, folder: DiffusersFolder, part: str) -> None:
    """Write a configuration without keys that select code; that of a text encoder has only its shape."""
    config = folder.config(f"{part}/config.json")
    if part in TEXT_CLASSES:
        import transformers

        kind = getattr(transformers, TEXT_CLASSES[part])
        config = architecture(kind.config_class, config, f"{folder.name}/{part}").to_dict()
    place.mkdir()
    (place / "config.json").write_text(json.dumps(config), encoding="utf-8")


def load_vae_file(choice: VaeChoice, dtype: torch.dtype) -> Any:
    """Load the AutoencoderKL or AutoencoderTiny of a choice that is a file, on the CPU. ModelError in one line."""
    import diffusers
    from diffusers.loaders import single_file_utils

    if choice.weights is None:
        raise ModelError("the VAE is not in a separate file")
    files = choice.weights.files
    with one_line(str(files[0])):
        if len(files) > 1:  # a TAESD's two halves
            halves = dict(zip(("encoder", "decoder"), map(read_tensors, files), strict=True))
            names = [(ours, *theirs.split(":", 1)) for theirs, ours in pair_names(**halves).items()]
            tensors = {ours: halves[which][name] for ours, which, name in names}
        else:
            read = read_tensors(files[0])
            tensors = {ours: read[theirs] for ours, theirs in vae_names(read).items()}
        if choice.kind != TINY and is_original_vae(tensors):
            utils: Any = single_file_utils  # not annotated
            tensors = utils.convert_ldm_vae_checkpoint(tensors, choice.config)
        for old, new in _OLD_VAE_NAMES.items():
            tensors = {
                name.replace(old, new) if ".attentions." in name else name: tensor for name, tensor in tensors.items()
            }
        with torch.device("meta"):
            module = getattr(diffusers, choice.kind).from_config(choice.config)
        return fill(module, tensors, dtype, str(files[0]))


def load_controlnet(files: ControlNetFiles, dtype: torch.dtype) -> Any:
    """A diffusers ControlNetModel (Zhang et al. 2023) on the CPU; every tensor must be used. ModelError in one line."""
    if files.path.is_dir():
        return pretrained(KIND, files.path, "", dtype, files.name)
    import diffusers
    from diffusers.loaders import single_file_utils

    kind: Any = diffusers.ControlNetModel  # neither function is annotated
    utils: Any = single_file_utils
    with one_line(files.name):
        read = read_tensors(files.path)
        tensors = {ours: read[theirs] for ours, theirs in controlnet_names(read).items()}
        if is_original_controlnet(tensors):
            converted = utils.convert_controlnet_checkpoint(tensors, files.config)
            for start, ours in _SIZE_EMBEDDING.items():
                named = {name: tensor for name, tensor in tensors.items() if name.startswith(start)}
                converted |= {ours + name.removeprefix(start): tensor for name, tensor in named.items()}
            tensors = {name: tensor for name, tensor in converted.items() if tensor is not None}
        with torch.device("meta"):
            module = kind.from_config(files.config)
        return fill(module, tensors, dtype, files.name)


def controlnet_notes(files: ControlNetFiles) -> tuple[str, ...]:
    what = f"ControlNet {files.name}"
    return (*files.notes, *(notes_of(what, files.path) if files.path.is_dir() else pickle_notes(what, files.weights)))
