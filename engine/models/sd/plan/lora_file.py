"""Reads from a LoRA's header which model it was made for, and how each of its layers changes a
weight.

LoRA (Hu et al. 2021) adds B A; LoCon does so to convolutions, with a Tucker core (`mid`) between
the factors where there is one. LoHa (Hyeon-Woo et al. 2021) adds (B1 A1) * (B2 A2), elementwise,
LoKr (Edalati et al. 2022) the Kronecker product of two matrices, each of which may itself be a
product of factors. All in LyCORIS' format (lycoris/modules). DoRA (Liu et al. 2024) scales the rows
or columns of the sum to given lengths. LyCORIS (`train_norm`) and ComfyUI (`.diff`, `.diff_b`) add
whole differences to weights and biases. Does not load torch.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.not_a_model import PICKLES, SAFETENSORS
from engine.models.pickle_file import pickle_note
from engine.models.plain_config import ADAPTER, read_config
from engine.models.sd.plan.families import FAMILIES, SUPPORTED, TEXT_WIDTHS, wrong_model_error
from engine.models.sd.plan.lora_names import (
    UNET_PART,
    WHOLE,
    LoraLayer,
    TargetWeight,
    layers_in,
    target_weights,
)
from engine.models.sd.plan.network_outline import NetworkOutline
from engine.models.sd.plan.other_models import base_in_metadata, foreign_base, other_kind
from engine.models.tensor_file import TensorFile, TensorInfos
from engine.models.tensor_rule import require_known
from engine.models.weight_files import open_checkpoint
from engine.system.small_file import parse_json

METADATA = "lora_adapter_metadata"
KINDS = ("LORA", "LOHA", "LOKR")
"""Types of peft that can be merged from their factors alone."""
# diffusers' and peft's file names for every LoRA
_PUBLISHED = ("pytorch_lora_weights", "adapter_model")
_PLAIN = frozenset(
    "target_modules exclude_modules target_parameters layers_to_transform layers_pattern "
    "rank_pattern alpha_pattern "
    "bias init_lora_weights eva_config megatron_core peft_type task_type base_model_name_or_path "
    "revision "
    "peft_version".split()
)
"""peft options whose values need not be numbers or booleans."""
_INITS = (None, True, False, "gaussian", "eva", "orthogonal", "mica")
"""Initializations of peft that do not change the model's own weights."""
_BESIDE = re.compile(r"^bundle_emb\.|\.alpha$")
"""Tensors beside those of a LoRA: embeddings in its file (A1111's bundles), and alphas without
factors."""
_SILENT = _PLAIN | {"auto_mapping", "inference_mode"}
"""The same for `adapter_config.json`, whose auto_mapping contains the class of its model."""
_OF_TEXTS = ("attn2_to_k", "attn2_to_v")
"""Ends of the layers whose inputs are texts."""
Scales = dict[str, dict[str, Any]]
"""peft's options by part of the model; "" for a file without parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorShape:
    """The kind and size of a delta, as a matrix."""

    kind: str
    """lora, loha, lokr or whole."""
    rows: int
    columns: int
    """Inputs times kernel size."""
    rank: int | None
    """The divisor of alpha; None for a LoKr with two unfactored halves
    (lycoris/modules/lokr.py)."""

    def fits(self, target: TargetWeight) -> bool:
        return (self.rows, self.columns) == (target.shape[0], math.prod(target.shape[1:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraChange:
    """The change that a LoRA makes to one weight of the model."""

    target: TargetWeight
    shape: FactorShape
    tensors: dict[str, str]
    """Tensor names in the file by role."""
    scale: float | None
    """Scale of the product from a configuration; None: the file's alpha / rank, or 1 without
    alpha."""
    dora_axis: int | None
    """0 if DoRA's lengths are those of the weight's rows, 1 of its columns; None without DoRA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraFile:
    """A LoRA on disk, described by its header."""

    name: str
    """The file's name, or that of its folder or id if the file name is generic."""
    weight: float
    """The initial weight."""
    file: TensorFile
    base: str = ""
    """The family that it was made for, from its shapes or its metadata; "" if unknown."""
    changes: tuple[LoraChange, ...] = ()
    """The changes to weights of the model; empty if the model's outline is unknown."""
    notes: tuple[str, ...] = ()


def examine_lora(name: str, weight: float, outline: NetworkOutline | None) -> LoraFile:
    """Examine a LoRA. ModelError in one line if `load` would refuse it. `outline`: that of its
    model, if known."""
    file = lora_file(name)
    opened = open_checkpoint(file)
    scales = _scales_of(file, opened.metadata)
    base = base_in_metadata(opened.metadata)
    layers_per_block = outline.unet.get("layers_per_block", 2) if outline else 2
    layers, rest = layers_in(
        opened.tensors, layers_per_block if isinstance(layers_per_block, int) else 2
    )
    foreign = foreign_base(opened.tensors)
    if foreign is not None:
        if outline is None:
            raise ModelError(
                f"{file}: a LoRA made for {base or foreign}; supported: LoRAs for {SUPPORTED}"
            )
        raise _base_mismatch(file, base or foreign, outline)
    kind = other_kind(opened.tensors, rest)
    if kind is not None:
        raise ModelError(f"{file}: {kind}")
    require_known(
        str(file), "a LoRA", rest, may_ignore=_BESIDE.search, why="merge it where it was trained"
    )
    known = lora_name(file)
    notes = (
        [f"LoRA {known}: {len(rest)} of its tensors are ignored, the first is {rest[0][:80]}"]
        if rest
        else []
    )
    if opened.is_pickle:
        notes.append(pickle_note(f"LoRA {known}"))
    changes: tuple[LoraChange, ...] = ()
    if outline is not None and outline.unet_tensors:
        changes = _changes(file, opened.tensors, layers, scales, outline, base)
        if len(changes) < len(layers):
            notes.append(
                f"LoRA {known}: only {len(changes)} of its {len(layers)} changes fit this model"
            )
    return LoraFile(
        name=known,
        weight=weight,
        file=opened,
        base=_base_by_shape(opened.tensors, layers, str(file)) or base or "",
        changes=changes,
        notes=tuple(notes),
    )


def lora_file(name: str) -> Path:
    """The LoRA file of `name` (file, folder or id); in a peft folder `adapter_model`. Prefers
    safetensors to pickle."""
    path = locate.find(name, files=("*.safetensors", ADAPTER))
    if path.is_file():
        if path.suffix.lower() not in (*SAFETENSORS, *PICKLES):
            raise ModelError(
                f"{path}: a LoRA is a .safetensors file (or {', '.join(PICKLES)}); convert this one"
            )
        return path
    if (path / ADAPTER).is_file() and (path / "adapter_model.safetensors").is_file():
        return path / "adapter_model.safetensors"
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SAFETENSORS)
    files = files or sorted(file for file in path.iterdir() if file.suffix.lower() in PICKLES)
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ModelError(
            f"{name}: need exactly one .safetensors file, found {found}; name the file"
        )
    return files[0]


def lora_name(file: Path) -> str:
    """The file's name, or that of its folder or repository if the file name is generic."""
    if file.stem not in _PUBLISHED:
        return file.stem
    if file.parent.parent.name == "snapshots":
        return file.parent.parent.parent.name.rpartition("--")[2]
    return file.parent.name


# -- which weight each layer changes


def _changes(
    file: Path,
    tensors: TensorInfos,
    layers: Sequence[LoraLayer],
    scales: Scales,
    outline: NetworkOutline,
    base: str | None,
) -> tuple[LoraChange, ...]:
    """Find the target weight of each layer. ModelError at the first layer that belongs to another
    model."""
    what = str(file)
    targets = target_weights(outline)
    roles = [{role: tensors[name] for role, name in layer.tensors.items()} for layer in layers]
    shapes = [
        _shape_of(layer.named, by_role, what) for layer, by_role in zip(layers, roles, strict=True)
    ]
    for layer, shape in zip(layers, shapes, strict=True):
        # Most layers of SD 1.5, 2.x and XL have the same names and many the same shapes; the text
        # width differs.
        is_of_texts = UNET_PART in layer.parts and layer.flat.endswith(_OF_TEXTS)
        if is_of_texts and shape.columns != outline.text_width:
            why = f"its texts have {shape.columns} numbers a token, here {outline.text_width}"
            raise _base_mismatch(file, TEXT_WIDTHS.get(shape.columns, base), outline, why)
    found = []
    for layer, shape, by_role in zip(layers, shapes, roles, strict=True):
        there = [targets[part, layer.flat] for part in layer.parts if (part, layer.flat) in targets]
        target = next(filter(shape.fits, there), there[0] if there else None)
        if target is None:
            continue
        if not shape.fits(target):
            here = " x ".join(map(str, target.shape))
            why = (
                f"{layer.named[:120]} changes {shape.rows} x {shape.columns} weights, here they "
                f"are {here}"
            )
            raise _base_mismatch(file, base, outline, why)
        scale = (
            None
            if "alpha" in layer.tensors
            else _scale(scales, target.part, target.layer, shape.rank, what)
        )
        scale = 1.0 if shape.kind == "whole" else scale
        axis = _dora_axis(target, by_role, layer.named, what)
        found.append(
            LoraChange(
                target=target, shape=shape, tensors=layer.tensors, scale=scale, dora_axis=axis
            )
        )
    lost = [layer for layer in layers if UNET_PART in layer.parts]
    if layers and (
        not found or (lost and not any(change.target.part == UNET_PART for change in found))
    ):
        first = (lost or layers)[0].named[:120]
        why = f"none of its {len(lost or layers)} changes fits this model, the first is {first}"
        raise _base_mismatch(file, base, outline, why)
    return tuple(found)


def _base_by_shape(tensors: TensorInfos, layers: Sequence[LoraLayer], what: str) -> str:
    """The family whose texts its cross-attention takes; "" if it changes none."""
    for layer in layers:
        if UNET_PART in layer.parts and layer.flat.endswith(_OF_TEXTS):
            shape = _shape_of(
                layer.named, {role: tensors[name] for role, name in layer.tensors.items()}, what
            )
            return TEXT_WIDTHS.get(shape.columns, "")
    return ""


def _base_mismatch(
    file: Path, base: str | None, outline: NetworkOutline, why: str = ""
) -> ModelError:
    ours = FAMILIES[outline.family]
    theirs = "another model" if base is None or base == ours else base
    return wrong_model_error(
        f"{file}: a LoRA", theirs, "this", ours, f"use a LoRA for {ours}", why=why
    )


def _shape_of(named: str, roles: TensorInfos, what: str) -> FactorShape:
    """Kind and size of a delta. ModelError if tensors are missing or do not fit together."""
    shapes = {role: tensor.shape for role, tensor in roles.items()}
    try:
        if roles.keys() <= set(WHOLE):
            ((rows, *others),) = shapes.values()
            return FactorShape(kind="whole", rows=rows, columns=math.prod(others), rank=None)
        if "down" in shapes or "up" in shapes:
            return _lora(shapes)
        if any(role.startswith("hada_") for role in shapes):
            return _loha(shapes)
        return _lokr(shapes)
    except (KeyError, ValueError, IndexError) as error:
        absent = (
            f"its {error.args[0]} is missing"
            if isinstance(error, KeyError)
            else "its tensors do not fit together"
        )
        raise ModelError(f"{what}: damaged: {named[:120]}: {absent}") from None


def _lora(shapes: Mapping[str, tuple[int, ...]]) -> FactorShape:
    rank, *inputs = shapes["down"]
    rows, *inner = shapes["up"]
    if "mid" in shapes:
        mid_rows, mid_columns, *kernel = shapes["mid"]
        _require(mid_rows == math.prod(inner) and mid_columns == rank)
        return FactorShape(
            kind="lora", rows=rows, columns=math.prod(inputs) * math.prod(kernel), rank=rank
        )
    _require(math.prod(inner) == rank and bool(inputs))
    return FactorShape(kind="lora", rows=rows, columns=math.prod(inputs), rank=rank)


def _loha(shapes: Mapping[str, tuple[int, ...]]) -> FactorShape:
    is_tucker = bool({"hada_t1", "hada_t2"} & shapes.keys())
    first, second = (
        _product(
            shapes[f"hada_w{half}_a"],
            shapes[f"hada_w{half}_b"],
            shapes[f"hada_t{half}"] if is_tucker else None,
        )
        for half in "12"
    )
    _require(first == second)
    return FactorShape(kind="loha", rows=first[0], columns=first[1], rank=shapes["hada_w1_b"][0])


def _lokr(shapes: Mapping[str, tuple[int, ...]]) -> FactorShape:
    rank = None
    halves = []
    for half in ("w1", "w2"):
        whole = shapes.get(f"lokr_{half}")
        if whole is not None:
            halves.append((whole[0], math.prod(whole[1:])))
            continue
        first = shapes[f"lokr_{half}_a"]
        second = shapes[f"lokr_{half}_b"]
        rank = second[0]
        halves.append(_product(first, second, shapes.get("lokr_t2") if half == "w2" else None))
    (rows, columns), (inner_rows, inner_columns) = halves
    return FactorShape(
        kind="lokr", rows=rows * inner_rows, columns=columns * inner_columns, rank=rank
    )


def _product(
    first: tuple[int, ...], second: tuple[int, ...], core: tuple[int, ...] | None
) -> tuple[int, int]:
    """Rows and columns of (rows, rank) times (rank, inputs...), or, with a Tucker core (rank, rank,
    kernel...), of the core between (rank, rows) and (rank, inputs)."""
    if core is None:
        _require(first[1] == second[0])
        return first[0], math.prod(second[1:])
    _require(core[0] == first[0] and core[1] == second[0])
    return first[1], second[1] * math.prod(core[2:])


def _require(fits: bool) -> None:
    if not fits:
        raise ValueError


def _dora_axis(target: TargetWeight, roles: TensorInfos, named: str, what: str) -> int | None:
    """The axis of DoRA's lengths, see `LoraChange`. ModelError if they fit neither rows nor
    columns."""
    rows, columns = (*target.shape, 1)[:2]
    if "magnitude" in roles:  # peft's form, always for rows
        if roles["magnitude"].count == rows:
            return 0
    elif "dora_scale" in roles:
        scale = roles["dora_scale"]
        if scale.shape[:1] == (rows,) and scale.count == rows:
            return 0
        if scale.shape[:2] == (1, columns) and scale.count == columns:
            return 1
    else:
        return None
    raise ModelError(
        f"{what}: {named[:120]}: the DoRA lengths fit neither the rows nor the columns of the "
        "weight"
    )


# -- scales from peft's configuration, if they are there instead of in the file


def _scales_of(file: Path, metadata: Mapping[str, str]) -> Scales:
    """Read the scales from the file's metadata or the `adapter_config.json` next to it. ModelError
    for other options: some change the model's own weights, and `megatron_config` imports any module
    named in `megatron_core`."""
    if (file.parent / ADAPTER).is_file() and file.stem == "adapter_model":
        options = read_config(str(file.parent), file.parent, ADAPTER)
        _require_plain(file, f"its {ADAPTER}", options, _SILENT)
        kind = str(options.get("peft_type", "LORA"))
        if kind not in KINDS:
            raise ModelError(
                f"{file.parent}: a peft adapter of type {kind[:40]}; supported: {', '.join(KINDS)}"
            )
        return {"": options}
    try:
        stored = parse_json(metadata.get(METADATA) or "{}")
        items = [(str(key).rpartition("."), value) for key, value in stored.items()]
    except (ValueError, AttributeError):
        raise ModelError(f"{file}: its metadata ({METADATA}) are not a JSON object") from None
    parts: Scales = {}
    for (part, _, key), value in items:
        parts.setdefault(part, {})[key] = value
    for options in parts.values():
        _require_plain(file, "its metadata", options, _PLAIN)
    return parts


def _require_plain(
    file: Path, where: str, options: Mapping[str, Any], plain: frozenset[str]
) -> None:
    if options.get("init_lora_weights") not in _INITS:
        raise ModelError(
            f"{file}: init_lora_weights of {where} would change the model's own weights"
        )
    for key, value in options.items():
        asks = (
            any(value.values())
            if key == "runtime_config" and isinstance(value, dict)
            else bool(value)
        )
        if asks and key not in plain and not isinstance(value, int | float):
            raise ModelError(
                f"{file}: {where} use {key[:40]}; only factors and their scales are supported"
            )


def _scale(scales: Scales, part: str, layer: str, rank: int | None, what: str) -> float | None:
    """Alpha / rank, or alpha / sqrt(rank) with `use_rslora`; None if there are no options for the
    part. `rank`: of the layer's factors, None for full matrices. ModelError if it contradicts the
    configuration."""
    options = scales.get(part, scales.get(""))
    if options is None or ("lora_alpha" not in options and "alpha" not in options):
        return None
    own = _matched(options, "alpha_pattern", layer, what) or options.get(
        "lora_alpha", options.get("alpha")
    )
    alpha = _number(own, what)
    stated = _matched(options, "rank_pattern", layer, what) or options.get("r")
    stated_rank = rank if stated is None else _number(stated, what)
    if not stated_rank or (rank is not None and rank != stated_rank):
        raise ModelError(f"{what}: {layer} has rank {rank}, its configuration says {stated}")
    return float(alpha / (math.sqrt(stated_rank) if options.get("use_rslora") else stated_rank))


def _matched(options: Mapping[str, Any], key: str, layer: str, what: str) -> Any:
    """The value whose pattern matches `layer` as in peft: the full name, or its end after a dot."""
    patterns = options.get(key) or {}
    if not isinstance(patterns, dict):
        raise ModelError(f"{what}: {key} is not an object")
    for pattern, value in patterns.items():
        plain = pattern.removeprefix("^").removesuffix("$").replace("\\.", ".")
        if any(letter in plain for letter in "\\[](){}*+?|^$"):
            raise ModelError(
                f"{what}: {key} has a regular expression ({pattern[:40]}); it must be a layer's "
                "name"
            )
        if layer == plain or (not pattern.startswith("^") and layer.endswith(f".{plain}")):
            return value
    return None


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelError(
            f"{what}: alpha or rank in its configuration is {str(value)[:40]!r}, not a number"
        )
    return float(value)
