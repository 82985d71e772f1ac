"""Recognizes models and files that are not supported, or were passed as something else, for error
messages.

By the class names of diffusers in `model_index.json` and `config.json`, and by the tensor names of
published files (diffusers 0.42, loaders/single_file_utils.py; ComfyUI, model_detection.py). Only
kinds that are often mistaken for a model are listed. Does not load torch, reads no weights.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.not_a_model import MODEL_SUFFIXES, shorten_names
from engine.models.sd.plan.families import BASES, FAMILIES, SUPPORTED
from engine.models.tensor_file import TensorInfos, format_shape
from engine.models.toml_tables import tables_beside
from engine.system.small_file import read_json

UNET: Final = "UNet2DConditionModel"
USE_WITH: Final = "use it together with a --model, as"

_TABLES: Final = tables_beside(__file__)
PART_CLASSES: Final[dict[str, str]] = _TABLES["parts"]
"""ControlNets and VAEs that are not supported, by their class in diffusers."""
SCHEDULERS: Final[dict[str, str]] = _TABLES["schedulers"]
NO_CONTROLNETS: Final[dict[str, str]] = _TABLES["no_controlnets"]
_TEMPLATE_VALUES: Final = {
    "use": USE_WITH,
    "supported": f"supported: {SUPPORTED}",
    "merged": "; merge it into its model with the program that made it, and load that model",
}
_KINDS, _LORA_KINDS, _TRANSFORMERS, _FOLDER_CLASSES = (
    {pattern: str(text).format(**_TEMPLATE_VALUES) for pattern, text in _TABLES[name]}
    for name in ("files", "loras", "transformers", "folder_classes")
)
_NO_LORAS: Final = (
    "a ControlNet;",
    "an IP-Adapter;",
    "a Control-LoRA;",
    "a textual inversion embedding",
)
_LORA_KINDS |= {pattern: text for pattern, text in _KINDS.items() if text.startswith(_NO_LORAS)}
_EMBEDDING: Final = next(text for text in _KINDS.values() if text.startswith(_NO_LORAS[-1]))
_METADATA_BASES: Final = {
    at: FAMILIES.get(str(base), str(base)) for at, base in _TABLES["metadata"].items()
}
_EMBEDDED = ((768,), (1024,), (1280,))  # widths of the text encoders
MAX_EMBEDDED = 256  # tokens of an embedding


def purpose_of(pipeline: str) -> str:
    """The purpose of a pipeline, to follow "which" (`makes videos`); "" for an unknown class."""
    return _first(_TABLES["pipelines"], pipeline)


def _first(table: list[list[str]], name: str) -> str:
    return next((what for pattern, what in table if re.search(pattern, name)), "")


def unet_of_another_kind(config: dict[str, Any], pipeline: str) -> str:
    """Text for an error: the kind of an unsupported UNet; "" for a supported one."""
    unet = config.get("_class_name", UNET)
    if unet == UNET:
        return ""
    what = "" if purpose_of(pipeline) else _first(_TABLES["unets"], unet)  # mention it only once
    return f"its UNet is a {unet}{f', which {what}' if what else ''}"


def known_models(family: str) -> str:
    """`supported: ...`, with the command that downloads a model that works."""
    return f"supported: {SUPPORTED}; for example {locate.fetch_command(BASES[family])}"


def kind_of(tensors: TensorInfos) -> str:
    """Text for an error: the kind of file that has these tensors, and what to do instead."""
    described = [
        *tensors,
        *(f"{name} {format_shape(each.shape)}" for name, each in tensors.items()),
    ]
    for pattern, kind in _KINDS.items():
        if any(re.search(pattern, text) for text in described):
            return f"is {kind}" if not kind.startswith("its ") else kind
    return (
        f"does not contain the UNet of a complete checkpoint ({len(tensors)} tensors); "
        f"supported: {SUPPORTED}"
    )


def unet_alone(stem: str) -> str:
    """File name of the complete checkpoint published with a file that has only a UNet (ByteDance's
    names), or ""."""
    whole = re.sub(r"_unet$", "", stem)
    return f"{whole}.safetensors" if whole != stem else ""


def other_kind(tensors: TensorInfos, rest: list[str]) -> str | None:
    """Text for an error: the kind of a file passed as a LoRA and what to do instead, or None if it
    can be merged. `rest`: tensors that do not belong to a LoRA, LoHa or LoKr."""
    for name in rest:
        for pattern, what in _LORA_KINDS.items():
            if re.search(pattern, name):
                return what
    if len(rest) < len(tensors):
        return None
    if tensors and all(
        tensor.shape[-1:] in _EMBEDDED
        and tensor.count <= MAX_EMBEDDED * tensor.shape[-1]
        and len(tensor.shape) <= 2
        and not name.endswith((".weight", ".bias"))
        for name, tensor in tensors.items()
    ):
        return _EMBEDDING
    first = f", the first is {next(iter(tensors))[:80]}" if tensors else ""
    return f"not a LoRA: none of its {len(tensors)} tensors is part of one{first}"


def foreign_base(tensors: TensorInfos) -> str | None:
    """The model of another architecture that a LoRA's layers belong to, or None if they are not
    recognized."""
    found = (
        base
        for base, pattern in _TRANSFORMERS.items()
        if any(re.search(pattern, name) for name in tensors)
    )
    return next(found, None)


def base_in_metadata(metadata: Mapping[str, str]) -> str | None:
    """The base model of a LoRA according to its metadata, or None."""
    for key in ("ss_base_model_version", "modelspec.architecture"):
        value = metadata.get(key, "").lower()
        for start in sorted(_METADATA_BASES, key=len, reverse=True):
            if value.startswith(start):
                return _METADATA_BASES[start]
    return None


def other_folder(folder: Path) -> str:
    """Text for an error: what a folder without model_index.json is, and the next step; "" if it is
    not recognized."""
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError, ModelError):
        config = None
    if isinstance(config, dict) and config:
        kinds = [
            what
            for start, what in _FOLDER_CLASSES.items()
            if start in str(config.get("_class_name", ""))
        ]
        kind = next(iter(kinds), "") or _TABLES["folders"].get(str(config.get("model_type", "")))
        return f"is {kind}" if kind else ""
    try:
        files = sorted(
            file.name for file in folder.iterdir() if file.suffix.lower() in MODEL_SUFFIXES
        )
    except OSError:
        return ""
    return f"is a folder of files; name one of them: {shorten_names(files)}" if files else ""
